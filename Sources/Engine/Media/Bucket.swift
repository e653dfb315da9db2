public import Core
import Upstream

/// An S3-compatible bucket: builds calls and reads replies; never sends.
public struct Bucket: Sendable {
    /// How a request names the bucket.
    public enum Addressing: String, Sendable, CaseIterable {
        /// `https://endpoint/bucket/key`.
        case path
        /// `https://bucket.endpoint/key`.
        case host
    }

    let name: String
    /// Scheme and authority of every request.
    let origin: String
    private let root: String
    private let signer: RequestSigner

    /// `endpoint` is scheme, host and perhaps a port. Throws `configuration` where it has more, or less, or
    /// the name is none that a bucket may have.
    public init(
        endpoint: String, name: String, addressing: Addressing, signer: RequestSigner
    ) throws(KinoraError) {
        guard let end = endpoint.firstRange(of: "://")?.upperBound,
            ["http://", "https://"].contains(endpoint[..<end]), Self.isAuthority(endpoint[end...])
        else {
            throw KinoraError(
                .configuration, "KINORA_S3_ENDPOINT must be like https://s3.example.com:9000, without a path."
            )
        }
        guard (3...63).contains(name.utf8.count), name.utf8.allSatisfy(Self.isNameByte),
            name.first != ".", name.first != "-"
        else {
            throw KinoraError(
                .configuration,
                "KINORA_S3_BUCKET must be a bucket's name: 3 to 63 lower-case letters, digits, '-' and '.'.")
        }
        self.name = name
        self.signer = signer
        switch addressing {
        case .path: (origin, root) = (endpoint, "/\(name)")
        case .host: (origin, root) = ("\(endpoint[..<end])\(name).\(endpoint[end...])", "")
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// What stands in a Host header, port included.
    private static func isAuthority(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { isNameByte($0) || [0x3A, 0x5B, 0x5D].contains($0) }
    }

    private var host: String { String(origin[origin.firstRange(of: "://")!.upperBound...]) }

    /// The transport's party. It has no key of its own: each call is signed.
    var party: VendorAccount { VendorAccount(row: 0, baseURL: origin, credential: Secret("")) }

    private func call(
        _ method: Method, _ key: String, headers: [(name: String, value: String)] = [],
        payload: String = RequestSigner.emptyPayload, body: HTTPCall.Body = .none, seconds: Int,
        at time: Timestamp
    ) -> HTTPCall {
        let path = "\(root)/\(key)"
        let request = RequestSigner.Request(
            method: method, path: path, headers: [("host", host)] + headers, payload: payload)
        return HTTPCall(
            method, origin + path, headers: signer.headers(signing: request, at: time), body: body,
            timeoutSeconds: seconds)
    }

    /// Puts a file. The store compares what arrives with the SHA-256, and shows all of it or nothing.
    func put(_ path: String, as media: StoredMedia, at time: Timestamp) -> HTTPCall {
        call(
            .put, media.relativePath, headers: [("content-type", media.type.rawValue)],
            payload: media.sha256, body: .file(path: path, type: media.type),
            seconds: Limits.mediaSeconds(of: media.bytes), at: time)
    }

    func get(_ media: StoredMedia, at time: Timestamp) -> HTTPCall {
        call(.get, media.relativePath, seconds: Limits.mediaSeconds(of: media.bytes), at: time)
    }

    func head(_ media: StoredMedia, at time: Timestamp) -> HTTPCall {
        call(.head, media.relativePath, seconds: Limits.mediaCallSecondsMax, at: time)
    }

    func delete(_ media: StoredMedia, at time: Timestamp) -> HTTPCall {
        call(.delete, media.relativePath, seconds: Limits.mediaCallSecondsMax, at: time)
    }

    /// How long a link holds: nginx uses it at once, but the clocks may differ.
    private static let linkSeconds = 300

    /// Path and query of a link that holds for a few minutes.
    func link(to media: StoredMedia, at time: Timestamp) -> String {
        let path = "\(root)/\(media.relativePath)"
        let request = RequestSigner.Request(
            method: .get, path: path, headers: [("host", host)], payload: "UNSIGNED-PAYLOAD")
        return "\(path)?\(signer.query(signing: request, at: time, for: Self.linkSeconds))"
    }
}

extension Bucket {
    /// A reply with one of the wanted statuses. Throws `storageFailed` for everything else, in words that
    /// say what to do.
    func checked(
        _ result: Result<HTTPReply, TransportFailure>, _ call: HTTPCall, is wanted: Set<Int>
    ) throws(KinoraError) -> HTTPReply {
        let reply: HTTPReply
        do { reply = try result.get() } catch {
            throw KinoraError(.storageFailed, detail: "bucket \(name): \(error.error.detail)")
        }
        if wanted.contains(reply.status) { return reply }
        let text = String(decoding: reply.body.prefix(4096), as: UTF8.self)
        let code = Self.element("Code", of: text) ?? ""
        let words = Self.element("Message", of: text) ?? ""
        let said = ["HTTP \(reply.status)", code, words].filter { !$0.isEmpty }.joined(separator: " ")
        throw KinoraError(
            .storageFailed, retryAfterSeconds: reply.retryAfterSeconds,
            detail: "bucket \(name), \(call.method.rawValue): \(Self.meaning(reply.status, code)) (\(said))")
    }

    /// What a put's reply refuses it with. Only an S3 store names the bytes it has taken by an ETag: a page
    /// of somebody between, with status 200, does not.
    func putError(_ result: Result<HTTPReply, TransportFailure>, _ call: HTTPCall) -> KinoraError? {
        do throws(KinoraError) {
            let reply = try checked(result, call, is: [200])
            guard reply.headers["etag"] == nil else { return nil }
            return KinoraError(
                .storageFailed, detail: "bucket \(name), PUT: the answer is not that of an S3 store (no ETag)"
            )
        } catch { return error }
    }

    /// Amazon's codes, which others use as well.
    private static func meaning(_ status: Int, _ code: String) -> String {
        switch (status, code) {
        case (_, "InvalidAccessKeyId"): "the access key is not known there"
        case (_, "SignatureDoesNotMatch"): "the secret key is wrong"
        case (_, "RequestTimeTooSkewed"): "the clocks differ too much"
        case (_, "NoSuchBucket"): "there is no such bucket"
        case (_, "AuthorizationHeaderMalformed"), (300..<400, _): "the bucket is in another region"
        case (_, "EntityTooLarge"): "the file is too large for it"
        case (401, _), (403, _): "the key may not do that"
        case (404, _): "there is no such object or bucket"
        case (429, _), (503, _): "it asks to slow down, or is not available"
        case (500..., _): "it failed"
        default: "an answer that makes no sense"
        }
    }

    /// The text of an XML element, as far as people need it.
    private static func element(_ name: String, of text: String) -> String? {
        guard let start = text.firstRange(of: "<\(name)>")?.upperBound,
            let end = text[start...].firstRange(of: "</\(name)>")?.lowerBound
        else { return nil }
        return String(text[start..<end].prefix(200))
    }
}
