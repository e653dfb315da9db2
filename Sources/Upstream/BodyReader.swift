import Crypto
import Glibc
import Core

/// Gives a request body to curl piece by piece, files included, so that a large upload needs no memory.
final class BodyReader {
    private enum Piece {
        case bytes([UInt8])
        case file(path: String, bytes: Int)
        /// A file as base64.
        case base64(path: String, bytes: Int)
    }

    private var pieces: [Piece] = []
    private var index = 0
    private var offset = 0
    private var descriptor: Int32 = -1
    /// Whole length in bytes.
    private(set) var length = 0
    let contentType: String?

    /// Nil for a call without a body. Throws `storageFailed` when a file is missing.
    init?(_ body: HTTPCall.Body) throws(KinoraError) {
        switch body {
        case .none: return nil
        case .json(let json):
            contentType = "application/json"
            append(.bytes(json.serialized()))
        case .jsonBytes(let bytes):
            contentType = "application/json"
            append(.bytes(bytes))
        case .jsonWithFiles(let json, let files):
            contentType = "application/json"
            try append(json.serialized(), with: files)
        case .multipart(let parts):
            let boundary = "kinora-\(TaskID.random().description)"
            contentType = "multipart/form-data; boundary=\(boundary)"
            for part in parts { try append(part, boundary) }
            append("--\(boundary)--\r\n")
        case .file(let path, let type):
            contentType = type.rawValue
            try append(fileAt: path)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// What is shorter curl sends together with the headers, over HTTP/1.1.
    private static let shortBytes = 64 << 10

    /// The body, where it is in memory as a whole and not long; nil when it is to be read.
    var short: [UInt8]? {
        guard pieces.count == 1, case .bytes(let bytes) = pieces[0] else { return nil }
        return bytes.count < Self.shortBytes ? bytes : nil
    }

    private func append(_ piece: Piece) {
        switch piece {
        case .bytes(let bytes): length += bytes.count
        case .file(_, let bytes): length += bytes
        case .base64(_, let bytes): length += (bytes + 2) / 3 * 4
        }
        pieces.append(piece)
    }

    private func append(_ text: String) { append(.bytes(Array(text.utf8))) }

    private func append(_ part: HTTPCall.Part, _ boundary: String) throws(KinoraError) {
        switch part {
        case .text(let name, let value):
            append(
                """
                --\(boundary)\r
                Content-Disposition: form-data; name="\(quoted(name))"\r
                \r
                \(value)\r

                """)
        case .file(let name, let path, let filename, let type):
            append(
                """
                --\(boundary)\r
                Content-Disposition: form-data; name="\(quoted(name))"; filename="\(quoted(filename))"\r
                Content-Type: \(type.rawValue)\r
                \r

                """)
            try append(fileAt: path)
            append("\r\n")
        }
    }

    private func append(fileAt path: String) throws(KinoraError) {
        append(.file(path: path, bytes: try size(ofFileAt: path)))
    }

    private func size(ofFileAt path: String) throws(KinoraError) -> Int {
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            throw KinoraError(.storageFailed, detail: "\(path): \(String(cString: strerror(errno)))")
        }
        return Int(facts.st_size)
    }

    private func append(_ json: [UInt8], with files: [HTTPCall.InlineFile]) throws(KinoraError) {
        var places: [(range: Range<Int>, file: HTTPCall.InlineFile)] = []
        for file in files {
            guard let range = json.firstRange(of: Array(file.mark.utf8)) else { continue }
            places.append((range, file))
        }
        var start = 0
        for (range, file) in places.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            append(.bytes(Array(json[start..<range.lowerBound])))
            if !file.isBare { append("data:\(file.type.rawValue);base64,") }
            append(.base64(path: file.path, bytes: try size(ofFileAt: file.path)))
            start = range.upperBound
        }
        append(.bytes(Array(json[start...])))
    }

    /// As browsers write names between quotes (WHATWG HTML, multipart/form-data).
    private func quoted(_ name: String) -> String {
        // By scalars: CR LF is one Character.
        name.unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\"": text += "%22"
            case "\r": text += "%0D"
            case "\n": text += "%0A"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    /// The SHA-256 of everything, as hex. Throws `storageFailed` when a file cannot be read.
    func hash() throws(KinoraError) -> String {
        defer { rewind() }
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            guard let count = buffer.withUnsafeMutableBytes({ read(into: $0) }) else {
                throw KinoraError(.storageFailed, detail: "a file of the body cannot be read")
            }
            guard count > 0 else { return Hex.text(hash.finalize()) }
            hash.update(data: buffer[..<count])
        }
    }

    /// Back to the first byte.
    func rewind() {
        index = 0
        offset = 0
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// Fills the buffer as far as the file goes on; 0 at its end, nil when it cannot be read.
    private func readFile(_ path: String, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        if descriptor < 0 { descriptor = open(path, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { return nil }
        var filled = 0
        while filled < buffer.count {
            let count = Glibc.read(descriptor, buffer.baseAddress! + filled, buffer.count - filled)
            if count < 0 { return nil }
            if count == 0 { break }
            filled += count
        }
        if filled == 0 {
            close(descriptor)
            descriptor = -1
        }
        return filled
    }

    /// Fills `buffer`; 0 at the end, nil when a file cannot be read.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        while index < pieces.count {
            switch pieces[index] {
            case .bytes(let bytes):
                if offset < bytes.count {
                    let count = min(buffer.count, bytes.count - offset)
                    bytes.withUnsafeBytes {
                        buffer.copyMemory(from: .init(rebasing: $0[offset..<offset + count]))
                    }
                    offset += count
                    return count
                }
            case .file(let path, _):
                guard let count = readFile(path, into: buffer) else { return nil }
                if count > 0 { return count }
            case .base64(let path, _):
                // Whole groups of three bytes; only the file's last one may be shorter.
                var plain = [UInt8](repeating: 0, count: max(buffer.count / 4, 1) * 3)
                let read = plain.withUnsafeMutableBytes { readFile(path, into: $0) }
                guard let read, buffer.count >= 4 else { return nil }
                if read > 0 {
                    let encoded = plain.withUnsafeBytes {
                        Base64.encodedBytes(UnsafeRawBufferPointer(rebasing: $0[..<read]))
                    }
                    buffer.copyBytes(from: encoded)
                    return encoded.count
                }
            }
            index += 1
            offset = 0
        }
        return 0
    }
}
