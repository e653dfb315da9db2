/// Base64 (RFC 4648), standard and URL-safe alphabets; line breaks are skipped. Padding may be missing; what
/// is there must fit.
public enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, byte) in alphabet.enumerated() { table[Int(byte)] = UInt8(value) }
        table[Int(UInt8(ascii: "-"))] = 62
        table[Int(UInt8(ascii: "_"))] = 63
        return table
    }()

    /// Standard alphabet, with padding. Pieces of a whole number of three bytes may be encoded one by one.
    public static func encodedBytes(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let length = (bytes.count + 2) / 3 * 4
        return [UInt8](unsafeUninitializedCapacity: length) { out, count in
            count = length
            for (group, start) in stride(from: 0, to: bytes.count, by: 3).enumerated() {
                let known = min(3, bytes.count - start)
                var value = UInt32(bytes[start]) << 16
                if known > 1 { value |= UInt32(bytes[start + 1]) << 8 }
                if known > 2 { value |= UInt32(bytes[start + 2]) }
                for digit in 0..<4 {
                    out[4 * group + digit] =
                        digit <= known
                        ? alphabet[Int(value >> UInt32(18 - 6 * digit) & 63)] : UInt8(ascii: "=")
                }
            }
        }
    }

    public static func encode(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.withUnsafeBytes(encodedBytes), as: UTF8.self)
    }

    /// Nil for what is no base64.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.count * 3 / 4)
        var decoder = Decoder()
        return decoder.feed(text, into: &out) && decoder.isWhole ? out : nil
    }

    /// Decodes text that comes in pieces.
    public struct Decoder: Sendable {
        private var buffer: UInt32 = 0
        private var bits = 0, digits = 0, padding = 0

        public init() {}

        /// Adds what the text says. False for what is no base64.
        public mutating func feed(_ text: some Sequence<UInt8>, into out: inout [UInt8]) -> Bool {
            for byte in text {
                if byte == 0x0A || byte == 0x0D { continue }
                if byte == UInt8(ascii: "=") {
                    padding += 1
                    continue
                }
                let value = values[Int(byte)]
                guard value != 0xFF, padding == 0 else { return false }
                buffer = buffer << 6 | UInt32(value)
                bits += 6
                digits += 1
                if bits >= 8 {
                    bits -= 8
                    out.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
                }
            }
            return true
        }

        /// Whether what came so far may end here.
        public var isWhole: Bool {
            let isPadded = padding == 0 || padding <= 2 && digits > 0 && (digits + padding) % 4 == 0
            return isPadded && digits % 4 != 1
        }
    }
}
