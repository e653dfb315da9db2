import Crypto
import Core

/// A credential of two parts: an access key, a colon, a secret key. Without a colon the secret is empty, and
/// the vendor refuses what it signs.
struct AccessKeys {
    let id: String
    let secret: Secret

    init(_ credential: Secret) {
        let halves = credential.revealed().split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        id = String(halves[0])
        secret = Secret(halves.count == 2 ? String(halves[1]) : "")
    }

    /// A JSON Web Token (RFC 7519) of the access key, signed by HS256: good for half an hour, and from a few
    /// seconds ago, for clocks that differ.
    func token(at now: Timestamp) -> Secret {
        let header: JSON = ["alg": "HS256", "typ": "JWT"]
        let claims: JSON = [
            "iss": .string(id), "exp": .integer(now.seconds + 1800), "nbf": .integer(now.seconds - 5),
        ]
        let text = [header, claims].map { Self.base64URL($0.serialized()) }.joined(separator: ".")
        let key = SymmetricKey(data: Array(secret.revealed().utf8))
        let signature = HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
        return Secret("\(text).\(Self.base64URL(Array(signature)))")
    }

    /// The URL's alphabet, without padding.
    private static func base64URL(_ bytes: [UInt8]) -> String {
        Base64.encode(bytes).filter { $0 != "=" }.replacing("+", with: "-").replacing("/", with: "_")
    }
}
