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
            secret: Secret(String((0..<secretLength).map { _ in Base62.alphabet.randomElement()! })))
    }

    private init(publicID: String, secret: Secret) {
        self.publicID = publicID
        self.secret = secret
    }

    /// Nil for anything that is not exactly of the form, checksum included. Costs no look-up.
    public init?(_ text: String) {
        let utf8 = Array(text.utf8)
        let secretStart = Self.prefix.utf8.count + Self.publicLength + 1
        guard utf8.count == secretStart + Self.secretLength + Self.checksumLength,
            utf8.starts(with: Self.prefix.utf8),
            utf8[secretStart - 1] == UInt8(ascii: "_")
        else { return nil }
        let id = utf8[Self.prefix.utf8.count..<secretStart - 1]
        let rest = utf8[secretStart...]
        guard id.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }),
            rest.allSatisfy({ Base62.contains($0) })
        else { return nil }
        self.init(
            publicID: String(decoding: id, as: UTF8.self),
            secret: Secret(String(decoding: rest.prefix(Self.secretLength), as: UTF8.self)))
        guard rest.suffix(Self.checksumLength).elementsEqual(checksum.utf8) else { return nil }
    }

    private var body: String { "\(Self.prefix)\(publicID)_\(secret.revealed())" }
    private var checksum: String {
        Base62.text(CRC32.checksum(Array(body.utf8)), length: Self.checksumLength)
    }

    /// The whole key, for the one time it is shown.
    public func revealed() -> String { body + checksum }

    /// What is stored: SHA-256 of the secret. A random 256-bit secret needs no slow hash.
    public var secretHash: SHA256.Digest { SHA256.hash(data: Array(secret.revealed().utf8)) }
}

/// Digits, upper-case and lower-case letters.
enum Base62 {
    static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

    static func contains(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    static func text(_ value: UInt32, length: Int) -> String {
        var rest = Int(value)
        var digits: [Character] = []
        for _ in 0..<length {
            digits.append(alphabet[rest % 62])
            rest /= 62
        }
        return String(digits.reversed())
    }
}

/// CRC-32 (IEEE 802.3), the checksum of zip and PNG.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }

    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { crc, byte in table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ crc >> 8 }
    }
}
