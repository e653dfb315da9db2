import Crypto

/// Signature Version 4: Amazon's way to sign requests, and Volcengine's, which has left Amazon's name out.
public struct SignatureV4: Sendable {
    /// The words in which the two differ.
    public enum Flavour: Sendable {
        case amazon, volcengine

        public var algorithm: String { self == .amazon ? "AWS4-HMAC-SHA256" : "HMAC-SHA256" }
        fileprivate var keyPrefix: String { self == .amazon ? "AWS4" : "" }
        fileprivate var ending: String { self == .amazon ? "aws4_request" : "request" }
    }

    /// A request as it is signed. `path` is encoded as it goes over the wire.
    public struct Request: Sendable {
        public var method: Method
        public var path: String
        public var query: [(name: String, value: String)]
        /// Lower-case names, `host` among them.
        public var headers: [(name: String, value: String)]
        /// SHA-256 of the body, or what stands for it.
        public var payload: String

        public init(
            method: Method, path: String, query: [(name: String, value: String)] = [],
            headers: [(name: String, value: String)], payload: String
        ) {
            self.method = method
            self.path = path
            self.query = query
            self.headers = headers
            self.payload = payload
        }

        public var signedHeaders: String { headers.map(\.name).sorted().joined(separator: ";") }

        /// The query in the order and the form in which it is signed.
        public var canonicalQuery: String {
            query.map { (PercentCoding.encode($0.name), PercentCoding.encode($0.value)) }
                .sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
        }
    }

    private let flavour: Flavour
    private let accessKey: String
    private let secret: Secret
    private let region: String
    private let service: String

    public init(_ flavour: Flavour, accessKey: String, secret: Secret, region: String, service: String) {
        self.flavour = flavour
        self.accessKey = accessKey
        self.secret = secret
        self.region = region
        self.service = service
    }

    /// The access key, and what the signature is good for.
    public func credential(at time: Timestamp) -> String { "\(accessKey)/\(scope(time))" }

    /// The value of the header `Authorization`.
    public func authorization(of request: Request, at time: Timestamp) -> Secret {
        Secret(
            """
            \(flavour.algorithm) Credential=\(credential(at: time)), SignedHeaders=\(request.signedHeaders), \
            Signature=\(signature(of: request, at: time))
            """)
    }

    public func signature(of request: Request, at time: Timestamp) -> String {
        let lines = request.headers.sorted { $0.name < $1.name }.map { "\($0.name):\($0.value)\n" }
        let canonical = """
            \(request.method.rawValue)
            \(request.path)
            \(request.canonicalQuery)
            \(lines.joined())
            \(request.signedHeaders)
            \(request.payload)
            """
        let text = """
            \(flavour.algorithm)
            \(Self.moment(time))
            \(scope(time))
            \(Hex.text(SHA256.hash(data: Array(canonical.utf8))))
            """
        var key = SymmetricKey(data: Array("\(flavour.keyPrefix)\(secret.revealed())".utf8))
        for part in [Self.day(time), region, service, flavour.ending] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        return Hex.text(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
    }

    private func scope(_ time: Timestamp) -> String {
        "\(Self.day(time))/\(region)/\(service)/\(flavour.ending)"
    }

    /// `20260131T235959Z`.
    public static func moment(_ time: Timestamp) -> String {
        time.iso8601.filter { $0 != "-" && $0 != ":" }
    }

    private static func day(_ time: Timestamp) -> String { String(moment(time).prefix(8)) }
}
