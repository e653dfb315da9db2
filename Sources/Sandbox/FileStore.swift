internal import Core
import Glibc

/// The names of files in the render directory. All begin so that leftovers can be told from what is not ours.
enum FilmFile {
    static let prefix = "film-"
    static let referencePrefix = "ref-"
    static let textPrefix = "text-"
    static let picturePrefix = "picture-"
    static let prefixes = [prefix, referencePrefix, textPrefix, picturePrefix]

    static func picture(_ id: String, _ index: Int, _ format: String) -> String {
        "\(picturePrefix)\(id)-\(index).\(format == "jpeg" ? "jpg" : format)"
    }

    /// Each picture that looks like it is another link to it.
    static func sharedPicture(_ size: FrameSize, _ format: String) -> String {
        "\(picturePrefix)\(size).\(format)"
    }

    static func film(_ subject: String) -> String { "\(prefix)\(subject).mp4" }

    static func still(_ rendition: Rendition, of film: String) -> String {
        "\(film)-\(rendition.rawValue).\(rendition == .thumbnail ? "webp" : "jpg")"
    }

    static func reference(of task: String, _ type: MediaType) -> String {
        "\(referencePrefix)\(task).\(type.fileExtension)"
    }

    /// Every file that one task may have.
    static func all(of task: String) -> [String] {
        let film = film(task)
        return [film, still(.thumbnail, of: film), still(.spritesheet, of: film)]
            + ReferenceImage.types.map { reference(of: task, $0) }
            + (0..<PictureDraft.countMax).map { picture(task, $0, "png") }
    }
}

/// The render directory: small whole files, by name.
struct FileStore: Sendable {
    let directory: String
    var spoolDirectory: String { "\(directory)/spool" }

    /// Makes the directory and removes what an earlier run left. Throws `configuration`.
    init(directory: String) throws(KinoraError) {
        self.directory = directory
        try Self.makeDirectory(directory, mode: 0o755)
        try Self.makeDirectory(spoolDirectory, mode: 0o700)
        removeAll()
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }
    func exists(_ name: String) -> Bool { access(path(name), F_OK) == 0 }
    func remove(_ name: String) { unlink(path(name)) }
    func move(_ name: String, to new: String) -> Bool { rename(path(name), path(new)) == 0 }
    func link(_ name: String, as new: String) -> Bool { Glibc.link(path(name), path(new)) == 0 }

    /// Removes every file that the sandbox made.
    func removeAll() {
        guard let listing = opendir(directory) else { return }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if FilmFile.prefixes.contains(where: name.hasPrefix) { names.append(name) }
        }
        names.forEach(remove)
    }

    func write(_ bytes: [UInt8], to name: String) -> Bool {
        let descriptor = open(path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    func read(_ name: String) -> [UInt8]? { Self.bytes(of: path(name)) }

    /// Nil when the file cannot be read, or has more than `bytesMax` bytes.
    static func bytes(of path: String, max bytesMax: Int = .max) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var out: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return count == 0 ? out : nil }
            guard out.count + count <= bytesMax else { return nil }
            out.append(contentsOf: buffer[..<count])
        }
    }

    private static func makeDirectory(_ path: String, mode: mode_t) throws(KinoraError) {
        var made = path.hasPrefix("/") ? "/" : ""
        for piece in path.split(separator: "/") {
            made += "\(piece)/"
            if mkdir(made, mode) != 0, errno != EEXIST {
                let reason = String(cString: strerror(errno))
                throw KinoraError(.configuration, "Cannot make the directory \(made): \(reason)")
            }
        }
        guard access(path, W_OK) == 0 else {
            throw KinoraError(.configuration, "Cannot write to the directory \(path).")
        }
    }
}
