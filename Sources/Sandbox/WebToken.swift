internal import Core
import Crypto

/// A JSON Web Token of three parts, as a client sent it (RFC 7519, HS256).
struct WebToken {
    let header: JSON
    let claims: JSON
    private let signed: [UInt8]
    private let signature: [UInt8]

    /// Nil for anything else.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { Core.Base64.decode($0.utf8) }
        guard bytes.count == 3, let header = try? JSONParser.parse(bytes[0]),
            let claims = try? JSONParser.parse(bytes[1])
        else { return nil }
        self.header = header
        self.claims = claims
        signed = Array("\(parts[0]).\(parts[1])".utf8)
        signature = bytes[2]
    }

    func isSigned(with secret: String) -> Bool {
        header["alg"] == "HS256"
            && HMAC<SHA256>.isValidAuthenticationCode(
                signature, authenticating: signed, using: SymmetricKey(data: Array(secret.utf8)))
    }
}
