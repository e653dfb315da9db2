public import Core
import Crypto

/// Seals secrets at rest and signs links, with keys derived from one master key.
public struct Vault: Sendable {
    private let sealingKey: SymmetricKey
    private let linkKey: SymmetricKey
    private let callbackKey: SymmetricKey
    private let codeKey: SymmetricKey
    let credentials = OpenedCredentials()

    /// `masterKey` is 32 random bytes from a file that only Kinora may read.
    public init(masterKey: [UInt8]) throws(KinoraError) {
        guard masterKey.count == 32 else {
            throw KinoraError(.configuration, "The master key must be 32 bytes, written as 64 hex digits.")
        }
        let master = SymmetricKey(data: masterKey)
        func derived(_ purpose: String) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: master, info: Array("kinora/\(purpose)".utf8), outputByteCount: 32)
        }
        sealingKey = derived("sealing")
        linkKey = derived("links")
        callbackKey = derived("callbacks")
        codeKey = derived("codes")
    }

    /// Where a sealed value stands. A value moved to another row or column does not open.
    private static func place(_ table: String, _ row: Int64, _ column: String) -> [UInt8] {
        Array("\(table)/\(row)/\(column)".utf8)
    }

    private static let version: UInt8 = 1

    /// AES-256-GCM: a version byte, 12 bytes of nonce, the ciphertext, 16 bytes of tag.
    public func seal(
        _ secret: Secret, table: String, row: Int64, column: String
    ) throws(KinoraError) -> [UInt8] {
        let place = Self.place(table, row, column)
        guard
            let box = try? AES.GCM.seal(
                Array(secret.revealed().utf8), using: sealingKey, authenticating: place),
            let combined = box.combined
        else { throw KinoraError(.internalFault, detail: "sealing failed") }
        return [Self.version] + combined
    }

    /// Throws `configuration` when the master key is another one, or the row was tampered with.
    public func open(
        _ sealed: [UInt8], table: String, row: Int64, column: String
    ) throws(KinoraError) -> Secret {
        guard sealed.first == Self.version, let box = try? AES.GCM.SealedBox(combined: sealed.dropFirst()),
            let plain = try? AES.GCM.open(
                box, using: sealingKey, authenticating: Self.place(table, row, column))
        else {
            throw KinoraError(
                .configuration, "\(table) \(row): the sealed \(column) does not open with this master key.")
        }
        return Secret(String(decoding: plain, as: UTF8.self))
    }

    private static let linkLifetime = Duration.seconds(24 * 3600)

    /// Where anybody may fetch it for a day: path and query.
    func link(to media: StoredMedia, at now: Timestamp) -> String {
        let name = media.relativePath.split(separator: "/").last.map(String.init) ?? ""
        let expires = (now + Self.linkLifetime).seconds
        return "/media/\(name)?expires=\(expires)&signature=\(signature(ofMedia: name, expires: expires))"
    }

    /// The signature of a media link: HMAC-SHA256 over name and expiry, 64 hex digits.
    func signature(ofMedia name: String, expires: Int64) -> String {
        Hex.text(HMAC<SHA256>.authenticationCode(for: Array("\(name)\n\(expires)".utf8), using: linkKey))
    }

    func callbackCode(_ text: String) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: callbackKey)
    }

    func isCallbackCode(_ code: [UInt8], of text: String) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Array(text.utf8), using: callbackKey)
    }

    /// What is kept of a redemption code: HMAC-SHA256, 64 hex digits. Without the master key nobody can try
    /// out which code it is.
    public func hash(of code: RedemptionCode) -> String {
        Hex.text(HMAC<SHA256>.authenticationCode(for: Array(code.revealed().utf8), using: codeKey))
    }

    /// Compares in constant time.
    func isValid(_ signature: String, ofMedia name: String, expires: Int64) -> Bool {
        guard let given = Hex.bytes(signature) else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(
            given, authenticating: Array("\(name)\n\(expires)".utf8), using: linkKey)
    }
}
