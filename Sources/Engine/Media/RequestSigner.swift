import Crypto
public import Core

/// AWS Signature Version 4, which S3-compatible stores ask for. curl has one of its own (CURLOPT_AWS_SIGV4),
/// but it signs no links, and nginx needs those.
public struct RequestSigner: Sendable {
    private let accessKey: String
    private let region: String
    private let secret: Secret

    public init(accessKey: String, secret: Secret, region: String) {
        self.accessKey = accessKey
        self.secret = secret
        self.region = region
    }

    /// A request as it is signed. `path` is encoded as it goes over the wire.
    struct Request {
        var method: Method
        var path: String
        var query: [(name: String, value: String)] = []
        /// Lower-case names, `host` among them.
        var headers: [(name: String, value: String)]
        /// SHA-256 of the body, or `UNSIGNED-PAYLOAD`.
        var payload: String
    }

    /// SHA-256 of no bytes.
    static let emptyPayload = Hex.text(SHA256.hash(data: [UInt8]()))

    /// The headers that make a request a signed one: what to send besides `headers`.
    func headers(signing request: Request, at time: Timestamp) -> [(name: String, value: Secret)] {
        var request = request
        let added = [("x-amz-content-sha256", request.payload), ("x-amz-date", Self.moment(time))]
        request.headers += added
        let credential = "\(accessKey)/\(scope(time))"
        let authorization = """
            AWS4-HMAC-SHA256 Credential=\(credential), SignedHeaders=\(Self.signedHeaders(request)), \
            Signature=\(signature(of: request, at: time))
            """
        return added.map { ($0.0, Secret($0.1)) } + [("authorization", Secret(authorization))]
    }

    /// The query of an address that gives the answer to whoever has it, until its time is over.
    func query(signing request: Request, at time: Timestamp, for seconds: Int) -> String {
        var request = request
        request.query += [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", "\(accessKey)/\(scope(time))"),
            ("X-Amz-Date", Self.moment(time)), ("X-Amz-Expires", String(seconds)),
            ("X-Amz-SignedHeaders", Self.signedHeaders(request)),
        ]
        let signature = signature(of: request, at: time)
        return "\(Self.canonical(request.query))&X-Amz-Signature=\(signature)"
    }

    private func signature(of request: Request, at time: Timestamp) -> String {
        let lines = request.headers.sorted { $0.name < $1.name }.map { "\($0.name):\($0.value)\n" }
        let canonical = """
            \(request.method.rawValue)
            \(request.path)
            \(Self.canonical(request.query))
            \(lines.joined())
            \(Self.signedHeaders(request))
            \(request.payload)
            """
        let text = """
            AWS4-HMAC-SHA256
            \(Self.moment(time))
            \(scope(time))
            \(Hex.text(SHA256.hash(data: Array(canonical.utf8))))
            """
        var key = SymmetricKey(data: Array("AWS4\(secret.revealed())".utf8))
        for part in [Self.day(time), region, "s3", "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        return Hex.text(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
    }

    private func scope(_ time: Timestamp) -> String { "\(Self.day(time))/\(region)/s3/aws4_request" }

    private static func signedHeaders(_ request: Request) -> String {
        request.headers.map(\.name).sorted().joined(separator: ";")
    }

    private static func canonical(_ query: [(name: String, value: String)]) -> String {
        query.map { (PercentCoding.encode($0.name), PercentCoding.encode($0.value)) }
            .sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// `20260131T235959Z`.
    private static func moment(_ time: Timestamp) -> String { time.iso8601.filter { $0 != "-" && $0 != ":" } }

    private static func day(_ time: Timestamp) -> String { String(moment(time).prefix(8)) }
}
