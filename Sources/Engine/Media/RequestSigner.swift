import Crypto
public import Core

/// AWS Signature Version 4, which S3-compatible stores ask for. curl has one of its own (CURLOPT_AWS_SIGV4),
/// but it signs no links, and nginx needs those.
public struct RequestSigner: Sendable {
    private let signature: SignatureV4

    public init(accessKey: String, secret: Secret, region: String) {
        signature = SignatureV4(.amazon, accessKey: accessKey, secret: secret, region: region, service: "s3")
    }

    typealias Request = SignatureV4.Request

    /// SHA-256 of no bytes.
    static let emptyPayload = Hex.text(SHA256.hash(data: [UInt8]()))

    /// The headers that make a request a signed one: what to send besides `headers`.
    func headers(signing request: Request, at time: Timestamp) -> [(name: String, value: Secret)] {
        var request = request
        let added = [
            ("x-amz-content-sha256", request.payload), ("x-amz-date", SignatureV4.moment(time)),
        ]
        request.headers += added
        return added.map { ($0.0, Secret($0.1)) }
            + [("authorization", signature.authorization(of: request, at: time))]
    }

    /// The query of an address that gives the answer to whoever has it, until its time is over.
    func query(signing request: Request, at time: Timestamp, for seconds: Int) -> String {
        var request = request
        request.query += [
            ("X-Amz-Algorithm", SignatureV4.Flavour.amazon.algorithm),
            ("X-Amz-Credential", signature.credential(at: time)),
            ("X-Amz-Date", SignatureV4.moment(time)), ("X-Amz-Expires", String(seconds)),
            ("X-Amz-SignedHeaders", request.signedHeaders),
        ]
        return "\(request.canonicalQuery)&X-Amz-Signature=\(signature.signature(of: request, at: time))"
    }
}
