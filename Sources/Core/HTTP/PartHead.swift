/// What the header lines of one part say. All of it is the client's word: a file name is never used as a
/// path, and a content type never decides what a file is.
public struct PartHead: Sendable, Equatable {
    /// Never empty and without control characters.
    public var name: String
    /// Nil for a text field. Empty when a form's file input was left empty: a receiver treats such a part
    /// as absent if it has no bytes. May hold CR and LF, which browsers send escaped; RFC 7578 forbids
    /// `filename*`, so that is ignored.
    public var filename: String?
    /// Nil when the part names none or an empty one.
    public var contentType: String?

    public init(name: String, filename: String? = nil, contentType: String? = nil) {
        self.name = name
        self.filename = filename
        self.contentType = contentType
    }
}

/// Collects the header lines of one part, byte by byte. `part` counts from 1 and is named in every message.
struct PartHeadReader {
    private let part: Int
    private let limits: MultipartLimits
    private var line: [UInt8] = []
    private var byteCount = 0
    private var disposition: HeaderValue?
    private var contentType: [UInt8]?

    init(part: Int = 0, limits: MultipartLimits = .init()) {
        self.part = part
        self.limits = limits
    }

    /// Returns the head once the blank line after it is complete.
    mutating func read(_ byte: UInt8) throws(KinoraError) -> PartHead? {
        byteCount += 1
        guard byteCount <= limits.headerBytesMax else {
            throw fault("has headers of more than \(limits.headerBytesMax) bytes")
        }
        line.append(byte)
        guard byte == 0x0A else { return nil }
        line.removeLast()
        guard line.popLast() == 0x0D else { throw fault("has a header line that does not end with CRLF") }
        guard !line.isEmpty else { return try complete() }
        try readLine()
        line.removeAll(keepingCapacity: true)
        return nil
    }

    private func fault(_ what: String) -> KinoraError {
        KinoraError(.malformedRequest, "Part \(part) of the multipart body \(what).")
    }

    private mutating func readLine() throws(KinoraError) {
        guard line.allSatisfy({ $0 == 0x09 || !isControl($0) }) else {
            throw fault("has a control character in its headers")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw fault("has a header line without a colon")
        }
        guard colon > 0, line[..<colon].allSatisfy(HeaderValue.isToken) else {
            throw fault("has a malformed header name")
        }
        let value = HeaderValue.trimmed(line[(colon + 1)...])
        switch String(decoding: line[..<colon], as: UTF8.self).lowercased() {
        case "content-disposition":
            guard disposition == nil else { throw fault("has more than one Content-Disposition") }
            guard let parsed = HeaderValue(value), parsed.kind == "form-data" else {
                throw fault("has a malformed Content-Disposition")
            }
            disposition = parsed
        case "content-type":
            guard contentType == nil else { throw fault("has more than one Content-Type") }
            contentType = Array(value)
        case "content-transfer-encoding":
            // RFC 7578 retired this header; taking encoded bytes for the content would be worse than
            // refusing.
            let encoding = String(decoding: value, as: UTF8.self).lowercased()
            guard ["7bit", "8bit", "binary"].contains(encoding) else {
                throw fault("has a Content-Transfer-Encoding, which is not supported")
            }
        default: break
        }
    }

    private func complete() throws(KinoraError) -> PartHead {
        guard let disposition, let name = disposition.parameters["name"].map(Self.unescaped), !name.isEmpty
        else { throw fault("has no name") }
        guard name.count <= limits.nameBytesMax else {
            throw fault("has a name of more than \(limits.nameBytesMax) bytes")
        }
        guard !name.contains(where: isControl) else { throw fault("has a control character in its name") }
        var head = PartHead(name: try text(name))
        if let filename = disposition.parameters["filename"] {
            head.filename = try text(Self.unescaped(filename))
        }
        if let contentType, !contentType.isEmpty { head.contentType = try text(contentType) }
        return head
    }

    private func text(_ bytes: [UInt8]) throws(KinoraError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw fault("has headers that are not UTF-8")
        }
        return text
    }

    /// Undoes the three escapes that browsers put into names, and no other: `100%25` is a name as it stands.
    private static func unescaped(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            let escaped: UInt8? =
                switch byte == UInt8(ascii: "%") ? String(decoding: rest.prefix(2), as: UTF8.self) : "" {
                case "22": UInt8(ascii: "\"")
                case "0D": 0x0D
                case "0A": 0x0A
                default: nil
                }
            out.append(escaped ?? byte)
            if escaped != nil { rest = rest.dropFirst(2) }
        }
        return out
    }
}

private func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
