import Core

/// Base64 media in a JSON field, with or without a `data:…;base64,` prefix.
enum DataURL {
    /// What the prefix says of the type is ignored: the bytes tell.
    static func bytes(_ text: String, field: String) throws(KinoraError) -> [UInt8] {
        let utf8 = text.utf8
        let scheme = text.prefix { $0 != ":" }.lowercased()
        guard scheme != "http", scheme != "https" else {
            throw KinoraError(
                .invalidValue, "'\(field)' must be a file, base64 text or a data URL; links are not fetched.",
                field: field)
        }
        var encoded = utf8[...]
        if scheme == "data" {
            guard let comma = utf8.firstIndex(of: UInt8(ascii: ",")),
                text[..<comma].lowercased().hasSuffix(";base64")
            else {
                throw KinoraError(.invalidValue, "'\(field)' must be a base64 data URL.", field: field)
            }
            encoded = utf8[utf8.index(after: comma)...]
        }
        guard let bytes = Base64.decode(encoded), !bytes.isEmpty else {
            throw KinoraError(.invalidValue, "'\(field)' is not valid base64.", field: field)
        }
        return bytes
    }
}
