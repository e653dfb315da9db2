import Glibc
import Core

/// Gives a request body to curl piece by piece, files included, so that a large upload needs no memory.
final class BodyReader {
    private enum Piece {
        case bytes([UInt8])
        case file(path: String, bytes: Int)
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

    private func append(_ piece: Piece) {
        switch piece {
        case .bytes(let bytes): length += bytes.count
        case .file(_, let bytes): length += bytes
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
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            throw KinoraError(.storageFailed, detail: "\(path): \(String(cString: strerror(errno)))")
        }
        append(.file(path: path, bytes: Int(facts.st_size)))
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

    /// Back to the first byte.
    func rewind() {
        index = 0
        offset = 0
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
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
                if descriptor < 0 { descriptor = open(path, O_RDONLY | O_CLOEXEC) }
                guard descriptor >= 0 else { return nil }
                let count = Glibc.read(descriptor, buffer.baseAddress!, buffer.count)
                if count > 0 { return count }
                if count < 0 { return nil }
                close(descriptor)
                descriptor = -1
            }
            index += 1
            offset = 0
        }
        return 0
    }
}
