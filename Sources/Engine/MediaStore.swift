import Crypto
import Glibc
public import Core

/// Bytes on disk, named by their SHA-256. Finished files appear whole or not at all.
public struct MediaStore: Sendable {
    public let directory: String
    /// For files that are not finished; on the same file system.
    public let spoolDirectory: String
    /// How long a file stays after it was last touched, though no row names it any more: the same bytes may
    /// just be arriving again, their row not yet written.
    var keptAtLeast = Duration.seconds(60)

    public init(directory: String, spoolDirectory: String) {
        self.directory = directory
        self.spoolDirectory = spoolDirectory
    }

    public func path(of media: StoredMedia) -> String { "\(directory)/\(media.relativePath)" }

    /// A path for a file to be written, unused so far.
    public func newSpoolPath() -> String { "\(spoolDirectory)/result-\(TaskID.random().description)" }

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

    /// Moves a file into the store; it is durable when this returns. The same bytes twice are one file.
    func adopt(
        _ path: String, sha256: String, bytes: Int64, type: MediaType
    ) throws(KinoraError) -> StoredMedia {
        let media = StoredMedia(sha256: sha256, bytes: bytes, type: type)
        let target = self.path(of: media)
        let folder = "\(directory)/\(sha256.prefix(2))"
        if mkdir(folder, 0o750) == 0 {
            // The folder's own name must last as well.
            try Self.sync(directory)
        } else if errno != EEXIST {
            throw Self.fault("mkdir", folder)
        }
        // nginx, in the same group, reads it.
        guard chmod(path, 0o640) == 0 else { throw Self.fault("chmod", path) }
        try Self.sync(path)
        guard rename(path, target) == 0 else { throw Self.fault("rename", target) }
        try Self.sync(folder)
        return media
    }

    /// Writes bytes into the store.
    func put(_ bytes: [UInt8], type: MediaType) throws(KinoraError) -> StoredMedia {
        let path = newSpoolPath()
        let fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard fd >= 0 else { throw Self.fault("open", path) }
        let isWritten = bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = write(fd, UnsafeRawBufferPointer(rebasing: rest).baseAddress!, rest.count)
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
        close(fd)
        do throws(KinoraError) {
            guard isWritten else { throw Self.fault("write", path) }
            return try adopt(
                path, sha256: Hex.text(SHA256.hash(data: bytes)), bytes: Int64(bytes.count), type: type)
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Removes a file that no row names any more, unless it is younger than `keptAtLeast`.
    func remove(_ media: StoredMedia) {
        var facts = stat()
        let path = path(of: media)
        guard stat(path, &facts) == 0, .seconds(time(nil) - facts.st_ctim.tv_sec) > keptAtLeast else {
            return
        }
        unlink(path)
    }

    private static func sync(_ path: String) throws(KinoraError) {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw fault("open", path) }
        defer { close(fd) }
        guard fsync(fd) == 0 else { throw fault("fsync", path) }
    }

    private static func fault(_ call: String, _ path: String) -> KinoraError {
        KinoraError(.storageFailed, detail: "\(call) \(path): \(String(cString: strerror(errno)))")
    }
}
