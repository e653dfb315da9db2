import Crypto
import Glibc
import Core

/// The folder of files that are not finished. Who makes one removes it; what a killed process left is
/// cleared away at the next start.
public struct MediaSpool: Sendable {
    public let directory: String

    public init(directory: String) { self.directory = directory }

    /// A path for a file to be written, unused so far.
    func newPath() -> String { "\(directory)/result-\(TaskID.random().description)" }

    /// Reads a file for its hash and type. Nil type when the bytes are no media that Kinora knows.
    func examine(_ path: String) throws(KinoraError) -> (sha256: String, bytes: Int64, type: MediaType?) {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw Self.fault("open", path) }
        defer { close(fd) }
        var hash = SHA256()
        var head: [UInt8] = []
        var total: Int64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = read(fd, buffer.baseAddress!, buffer.count)
            guard count >= 0 else { throw Self.fault("read", path) }
            if count == 0 { break }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            if head.count < MediaType.sniffBytes {
                head.append(contentsOf: bytes.prefix(MediaType.sniffBytes))
            }
            hash.update(bufferPointer: bytes)
            total += Int64(count)
        }
        return (Hex.text(hash.finalize()), total, MediaType(sniffing: head))
    }

    /// Writes bytes into a new file.
    func write(_ bytes: [UInt8], type: MediaType) throws(KinoraError) -> (path: String, media: StoredMedia) {
        let path = newPath()
        let fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard fd >= 0 else { throw Self.fault("open", path) }
        let isWritten = Self.write(bytes, to: fd)
        let fault = Self.fault("write", path)
        close(fd)
        guard isWritten else {
            unlink(path)
            throw fault
        }
        let sha256 = Hex.text(SHA256.hash(data: bytes))
        return (path, StoredMedia(sha256: sha256, bytes: Int64(bytes.count), type: type))
    }

    /// False, with errno, when not all of it could be written.
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress!
                let count = Glibc.write(descriptor, start, rest.count)
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    static func fault(_ call: String, _ path: String) -> KinoraError {
        KinoraError(.storageFailed, detail: "\(call) \(path): \(String(cString: strerror(errno)))")
    }
}
