import Core
import Glibc

/// Makes a folder for this user and group, and its parents. Throws `configuration`.
func makeDirectory(_ path: String) throws(KinoraError) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
        made += made.isEmpty || made == "/" ? String(part) : "/\(part)"
        guard mkdir(made, 0o750) == 0 || errno == EEXIST else {
            throw KinoraError(.configuration, "Cannot make \(path): \(String(cString: strerror(errno)))")
        }
    }
}

/// Removes what a process that was killed left half done. Nothing that is still wanted is older than an hour.
func removeStaleFiles(in directory: String) {
    guard let handle = opendir(directory) else { return }
    defer { closedir(handle) }
    while let entry = readdir(handle) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        var facts = stat()
        let path = "\(directory)/\(name)"
        guard name.hasPrefix("upload-") || name.hasPrefix("result-"), stat(path, &facts) == 0,
            time(nil) - facts.st_mtim.tv_sec > 3600
        else { continue }
        unlink(path)
    }
}

/// A file that only its owner may read. Throws `configuration` when it is missing or readable for others.
func readSecretFile(_ path: String, of setting: String, advice: String) throws(KinoraError) -> Secret {
    var facts = stat()
    guard stat(path, &facts) == 0 else {
        throw KinoraError(
            .configuration, "\(setting): \(path): \(String(cString: strerror(errno))). \(advice)")
    }
    guard facts.st_mode & 0o077 == 0 else {
        throw KinoraError(.configuration, "\(path) can be read by others: chmod 600 \(path)")
    }
    guard let text = readSmallFile(path) else {
        throw KinoraError(.configuration, "\(setting): \(path): \(String(cString: strerror(errno))).")
    }
    return Secret(text)
}

/// A file of at most 64 KiB as text; nil when it cannot be read.
func readSmallFile(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return readAll(descriptor)
}

/// What is left of an open file, at most 64 KiB.
func readAll(_ descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 8 << 10)
    while bytes.count < 64 << 10, case let count = read(descriptor, &buffer, buffer.count), count > 0 {
        bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
}

extension String {
    /// Without blanks and line breaks at both ends.
    var trimmedText: String {
        var text = self[...]
        while let first = text.first, first.isWhitespace { text = text.dropFirst() }
        while let last = text.last, last.isWhitespace { text = text.dropLast() }
        return String(text)
    }
}
