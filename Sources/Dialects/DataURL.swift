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

/// Base64 (RFC 4648), standard and URL-safe alphabets; line breaks are skipped. Padding may be missing; what
/// is there must fit.
enum Base64 {
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, byte) in alphabet.utf8.enumerated() { table[Int(byte)] = UInt8(value) }
        table[Int(UInt8(ascii: "-"))] = 62
        table[Int(UInt8(ascii: "_"))] = 63
        return table
    }()

    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.count * 3 / 4)
        var buffer: UInt32 = 0
        var bits = 0, digits = 0, padding = 0
        var iterator = text.makeIterator()
        while let byte = iterator.next() {
            if byte == 0x0A || byte == 0x0D { continue }
            if byte == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            let value = values[Int(byte)]
            guard value != 0xFF, padding == 0 else { return nil }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            digits += 1
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        let isWhole = padding == 0 || padding <= 2 && digits > 0 && (digits + padding) % 4 == 0
        return isWhole && digits % 4 != 1 ? out : nil
    }
}
