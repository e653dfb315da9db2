import Glibc
import Core
import Upstream

extension MediaSpool {
    /// Takes the media out of a vendor's reply that lies here: what is left of it, and a file for each.
    func cut(
        _ path: String, members: Set<String>
    ) throws(KinoraError) -> (rest: [UInt8], files: [HeldFile]) {
        let reply = open(path, O_RDONLY | O_CLOEXEC)
        // A reply without a body made no file.
        guard reply >= 0 else { return ([], []) }
        defer { close(reply) }
        var cutter = MediaCutter(names: members)
        var writer = PictureWriter(self)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = read(reply, buffer.baseAddress!, buffer.count)
            guard count >= 0 else { throw Self.fault("read", path) }
            if count == 0 { break }
            try cutter.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count])) { event throws(KinoraError) in
                switch event {
                case .media(let bytes): try writer.write(bytes)
                case .mediaEnded: try writer.end()
                }
            }
        }
        try cutter.finish()
        return (cutter.rest, writer.files)
    }
}

/// Writes pictures one after the other, each into a file of its own.
private struct PictureWriter: ~Copyable {
    private let spool: MediaSpool
    private(set) var files: [HeldFile] = []
    private var path = ""
    private var descriptor: Int32 = -1
    private var bytes = 0

    init(_ spool: MediaSpool) { self.spool = spool }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        unlink(path)
    }

    private mutating func begin() throws(KinoraError) {
        guard descriptor < 0 else { return }
        path = spool.newPath()
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        bytes = 0
        guard descriptor >= 0 else { throw MediaSpool.fault("open", path) }
    }

    mutating func write(_ piece: [UInt8]) throws(KinoraError) {
        try begin()
        bytes += piece.count
        guard bytes <= Limits.pictureBytesMax else {
            throw KinoraError(
                .upstreamProtocol, detail: "a picture is larger than \(Limits.pictureBytesMax >> 20) MiB")
        }
        guard MediaSpool.write(piece, to: descriptor) else { throw MediaSpool.fault("write", path) }
    }

    mutating func end() throws(KinoraError) {
        try begin()
        close(descriptor)
        descriptor = -1
        files.append(HeldFile(path, bytes: Int64(bytes), isCopy: true))
    }
}
