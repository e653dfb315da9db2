import Glibc
public import Core

/// Media in a folder of this machine, or of a file system that all machines share. Finished files appear
/// whole or not at all.
public struct DiskMedia: MediaStore {
    public let directory: String
    /// On the same file system.
    public let spool: MediaSpool
    public let isRemote = false
    /// How long a file stays after it was last touched, whoever wants it removed.
    var keptAtLeast = Self.keptAtLeast

    static let keptAtLeast = Duration.seconds(60)

    public init(directory: String, spool: MediaSpool) {
        self.directory = directory
        self.spool = spool
    }

    func path(of media: StoredMedia) -> String { "\(directory)/\(media.relativePath)" }

    public func place(of media: StoredMedia) -> String { "/_media/\(media.relativePath)" }

    public func keep(
        _ path: String, as media: StoredMedia, completion: @escaping @Sendable (KinoraError?) -> Void
    ) {
        do throws(KinoraError) {
            try adopt(path, as: media)
            completion(nil)
        } catch { completion(error) }
    }

    private func adopt(_ path: String, as media: StoredMedia) throws(KinoraError) {
        let target = self.path(of: media)
        let folder = "\(directory)/\(media.sha256.prefix(2))"
        if mkdir(folder, 0o750) == 0 {
            // The folder's own name must last as well.
            try Self.sync(directory)
        } else if errno != EEXIST {
            throw MediaSpool.fault("mkdir", folder)
        }
        // nginx, in the same group, reads it.
        guard chmod(path, 0o640) == 0 else { throw MediaSpool.fault("chmod", path) }
        try Self.sync(path)
        guard rename(path, target) == 0 else { throw MediaSpool.fault("rename", target) }
        try Self.sync(folder)
    }

    /// Everything that lies here, by its names alone.
    public func files() throws(KinoraError) -> [StoredMedia] {
        var files: [StoredMedia] = []
        for folder in try Self.names(in: directory) where folder.utf8.count == 2 {
            for name in try Self.names(in: "\(directory)/\(folder)") {
                let parts = name.split(separator: ".", omittingEmptySubsequences: false)
                guard parts.count == 2, parts[0].utf8.count == 64, parts[0].hasPrefix(folder),
                    let type = MediaType.allCases.first(where: { $0.fileExtension == parts[1] })
                else { continue }
                var facts = stat()
                guard stat("\(directory)/\(folder)/\(name)", &facts) == 0 else { continue }
                files.append(StoredMedia(sha256: String(parts[0]), bytes: Int64(facts.st_size), type: type))
            }
        }
        return files
    }

    private static func names(in directory: String) throws(KinoraError) -> [String] {
        guard let handle = opendir(directory) else { throw MediaSpool.fault("opendir", directory) }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// Whether the bytes lie here.
    func has(_ media: StoredMedia) -> Bool { access(path(of: media), F_OK) == 0 }

    public func open(
        _ media: StoredMedia, completion: @escaping @Sendable (Result<MediaFile, KinoraError>) -> Void
    ) {
        completion(.success(MediaFile(path: path(of: media), isCopy: false)))
    }

    public func remove(
        _ media: StoredMedia, completion: @escaping @Sendable (Result<Bool, KinoraError>) -> Void
    ) {
        var facts = stat()
        let path = path(of: media)
        guard stat(path, &facts) == 0 else {
            return completion(errno == ENOENT ? .success(true) : .failure(MediaSpool.fault("stat", path)))
        }
        guard .seconds(time(nil) - facts.st_ctim.tv_sec) > keptAtLeast else {
            return completion(.success(false))
        }
        let isGone = unlink(path) == 0 || errno == ENOENT
        completion(isGone ? .success(true) : .failure(MediaSpool.fault("unlink", path)))
    }

    private static func sync(_ path: String) throws(KinoraError) {
        let fd = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw MediaSpool.fault("open", path) }
        defer { close(fd) }
        guard fsync(fd) == 0 else { throw MediaSpool.fault("fsync", path) }
    }
}
