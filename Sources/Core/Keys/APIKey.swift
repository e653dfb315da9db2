public import Crypto

/// A client key: `kn_<public id>_<secret><checksum>`. The public id (12 characters of 0-9a-z) finds the row,
/// the secret (43 base-62 characters, 256 random bits) proves it, the checksum (6, CRC-32) refuses typing
/// errors before anything is looked up. Underscores keep the parts apart and a double click selects the whole
/// key.
public struct APIKey: Sendable {
    public static let prefix = "kn_"
    static let publicLength = 12, secretLength = 43, checksumLength = 6

    public let publicID: String
    public let secret: Secret

    /// A fresh key from the system's random source.
    public static func random() -> APIKey {
        let lower = Array("0123456789abcdefghijklmnopqrstuvwxyz")
        return APIKey(
            publicID: String((0..<publicLength).map { _ in lower.randomElement()! }),
            secret: Secret(Base62.random(count: secretLength)))
    }

    private init(publicID: String, secret: Secret) {
        self.publicID = publicID
        self.secret = secret
    }

    /// Nil for anything that is not exactly of the form, checksum included. Costs no look-up.
    public init?(_ text: String) {
        var text = text
        guard text.withUTF8(Self.isWellFormed) else { return nil }
        let afterPrefix = text.utf8.dropFirst(Self.prefix.utf8.count)
        self.init(
            publicID: String(Substring(afterPrefix.prefix(Self.publicLength))),
            secret: Secret(
                String(Substring(afterPrefix.dropFirst(Self.publicLength + 1).prefix(Self.secretLength)))))
    }

    private static func isWellFormed(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let idStart = prefix.utf8.count, idEnd = idStart + publicLength
        let bodyEnd = idEnd + 1 + secretLength
        return text.count == bodyEnd + checksumLength && text.starts(with: prefix.utf8)
            && text[idStart..<idEnd].allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
            && text[idEnd] == UInt8(ascii: "_")
            && text[(idEnd + 1)...].allSatisfy(Base62.contains)
            && text[bodyEnd...].elementsEqual(checksum(of: UnsafeBufferPointer(rebasing: text[..<bodyEnd])))
    }

    private static func checksum(of body: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        Base62.digits(of: CRC32.checksum(body), count: checksumLength)
    }

    /// The whole key, for the one time it is shown.
    public func revealed() -> String {
        var body = "\(Self.prefix)\(publicID)_\(secret.revealed())"
        return body + String(decoding: body.withUTF8(Self.checksum), as: UTF8.self)
    }

    /// What is stored: SHA-256 of the secret. A random 256-bit secret needs no slow hash.
    public var secretHash: SHA256.Digest {
        var text = secret.revealed()
        return text.withUTF8 { bytes in
            var hash = SHA256()
            hash.update(bufferPointer: UnsafeRawBufferPointer(bytes))
            return hash.finalize()
        }
    }
}

/// Digits, upper-case and lower-case letters.
enum Base62 {
    static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    static func contains(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// The last `count` digits, filled up with zeros.
    static func digits(of value: UInt32, count: Int) -> [UInt8] {
        var digits = [UInt8](repeating: alphabet[0], count: count)
        var rest = Int(value)
        for index in digits.indices.reversed() {
            digits[index] = alphabet[rest % 62]
            rest /= 62
        }
        return digits
    }

    static func random(count: Int) -> String {
        String(decoding: (0..<count).map { _ in alphabet.randomElement()! }, as: UTF8.self)
    }
}

/// CRC-32 (IEEE 802.3), the checksum of zip and PNG.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }

    static func checksum(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { crc, byte in table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ crc >> 8 }
    }
}
