import Core

extension Reference.Source {
    /// Media as text in a field: an address of http or https, a data URL, or base64. What a data URL says of
    /// its type is ignored: the bytes tell.
    init(_ text: String, field: String) throws(KinoraError) {
        let utf8 = text.utf8
        let scheme = Self.scheme(of: utf8)
        if scheme == "http" || scheme == "https" {
            self = .url(text)
            return
        }
        var encoded = utf8[...]
        if scheme == "data" {
            guard let comma = utf8.firstIndex(of: UInt8(ascii: ",")),
                String(decoding: utf8[..<comma].suffix(7), as: UTF8.self).lowercased() == ";base64"
            else {
                throw KinoraError(.invalidValue, "'\(field)' must be a base64 data URL.", field: field)
            }
            encoded = utf8[utf8.index(after: comma)...]
        }
        guard let bytes = Base64.decode(encoded), !bytes.isEmpty else {
            throw KinoraError(
                .invalidValue,
                scheme == "data"
                    ? "'\(field)' is not valid base64."
                    : "'\(field)' must be an http or https address, a data URL or base64.", field: field)
        }
        self = .bytes(bytes)
    }

    /// What stands before a colon among the first bytes, in small letters. The rest may be megabytes of
    /// base64.
    private static func scheme(of text: String.UTF8View) -> String? {
        let head = text.prefix("https:".utf8.count)
        guard let colon = head.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return String(decoding: head[..<colon], as: UTF8.self).lowercased()
    }
}
