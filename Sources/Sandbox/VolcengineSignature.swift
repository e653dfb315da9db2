internal import Core
import Crypto

/// The signature of a request, as Volcengine's gateway checks it (volcengine.com/docs/6369/67270).
struct VolcengineSignature {
    let accessKey: String
    private let scope: [String]
    private let names: [String]
    private let code: String

    /// How far a client's clock may be off.
    private static let slack = Duration.seconds(900)

    /// Reads the header `Authorization`. Throws `missingKey` or `malformedRequest`.
    init(_ head: RequestHead) throws(KinoraError) {
        let text = head.authorization.revealed()
        guard !text.isEmpty else { throw KinoraError(.missingKey) }
        let form =
            #/
            HMAC-SHA256\ Credential=([^\/,]+)\/(\d{8}\/[a-z0-9-]+\/[a-z]+\/request),
            \ ?SignedHeaders=([a-z0-9;-]+),
            \ ?Signature=([0-9a-f]{64})
            /#
        guard let match = text.wholeMatch(of: form) else { throw KinoraError(.malformedRequest) }
        accessKey = String(match.1)
        scope = match.2.split(separator: "/").map(String.init)
        names = match.3.split(separator: ";").map(String.init)
        code = String(match.4)
    }

    /// Throws `expiredKey` for another time than now.
    func checkTime(_ head: RequestHead, now: Timestamp) throws(KinoraError) {
        // The moments between which it was signed, in the form in which the request says it.
        let moments = [now + (.zero - Self.slack), now + Self.slack].map { Self.moment($0) }
        guard let moment = head.headers["x-date"], (moments[0]...moments[1]).contains(moment),
            moment.hasPrefix(scope[0])
        else { throw KinoraError(.expiredKey) }
    }

    private static func moment(_ time: Timestamp) -> String {
        time.iso8601.replacing("-", with: "").replacing(":", with: "")
    }

    /// Throws `invalidSignature` for what was not signed so with the secret.
    func check(_ head: RequestHead, _ body: [UInt8], secret: String) throws(KinoraError) {
        let hash = Hex.text(SHA256.hash(data: body))
        let isWhole = ["content-type", "host", "x-content-sha256", "x-date"].allSatisfy(names.contains)
        guard isWhole, scope[1...] == ["cn-north-1", "cv", "request"],
            head.headers["x-content-sha256"] == hash, names == names.sorted()
        else { throw KinoraError(.invalidSignature) }
        let halves = head.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let query = halves.count == 2 ? halves[1].split(separator: "&").sorted().joined(separator: "&") : ""
        var canonical = "\(head.method?.rawValue ?? "")\n\(halves[0])\n\(query)\n"
        for name in names {
            let value = name == "content-type" ? head.contentType : head.headers[name] ?? ""
            canonical += "\(name):\(value)\n"
        }
        canonical += "\n\(names.joined(separator: ";"))\n\(hash)"
        let digest = Hex.text(SHA256.hash(data: Array(canonical.utf8)))
        let signed = [
            "HMAC-SHA256", head.headers["x-date"] ?? "", scope.joined(separator: "/"), digest,
        ].joined(separator: "\n")
        let key = scope.reduce(Array(secret.utf8)) { Self.code($1, key: $0) }
        guard Hex.text(Self.code(signed, key: key)) == code else { throw KinoraError(.invalidSignature) }
    }

    private static func code(_ text: String, key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
    }
}
