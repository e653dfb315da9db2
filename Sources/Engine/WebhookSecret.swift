public import Core
import Crypto
import Store
public import Upstream

/// The key that an endpoint's messages are signed with (Standard Webhooks 1.0, symmetric).
public struct WebhookSecret: Sendable {
    private let key: [UInt8]
    private static let prefix = "whsec_"

    /// Reads `whsec_` and base64 of 24 to 64 bytes. Nil for everything else.
    public init?(_ text: Secret) {
        let text = text.revealed()
        guard text.hasPrefix(Self.prefix), let key = Base64.decode(text.utf8.dropFirst(Self.prefix.count)),
            (24...64).contains(key.count)
        else { return nil }
        self.key = key
    }

    /// A fresh one of 32 bytes.
    public static func random() -> WebhookSecret {
        WebhookSecret(key: SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) })
    }

    private init(key: [UInt8]) { self.key = key }

    /// As its receiver keeps it.
    public var text: Secret { Secret(Self.prefix + Base64.encode(key)) }

    /// `v1,` and base64 of the HMAC-SHA256 over message id, time and body.
    public func signature(of message: String, at time: Timestamp, _ payload: String) -> String {
        let signed = Array("\(message).\(time.seconds).\(payload)".utf8)
        let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: key))
        return "v1,\(Base64.encode(Array(code)))"
    }

    /// The signed request. No redirect is followed, and no private address is reached: that is the
    /// transport's doing.
    public func call(_ url: String, _ message: String, at time: Timestamp, _ payload: String) -> HTTPCall {
        HTTPCall(
            .post, url,
            headers: [
                ("webhook-id", Secret(message)), ("webhook-timestamp", Secret(String(time.seconds))),
                ("webhook-signature", Secret(signature(of: message, at: time, payload))),
            ],
            body: .jsonBytes(Array(payload.utf8)), timeoutSeconds: Limits.webhookSecondsMax)
    }
}

/// What a receiver's answer, or its absence, means.
public struct WebhookAnswer: Sendable {
    /// HTTP status; nil when no answer came.
    public let status: Int?
    /// Why the message does not count as delivered; nil for an answer of 2xx.
    public let error: KinoraError?
    public let retryAfterSeconds: Int?

    public init(_ result: Result<HTTPReply, TransportFailure>, from url: String) {
        switch result {
        case .failure(let failure):
            (status, error, retryAfterSeconds) = (nil, failure.error, nil)
        case .success(let reply):
            status = reply.status
            retryAfterSeconds = reply.retryAfterSeconds
            let words = String(decoding: reply.body.prefix(200), as: UTF8.self)
            let refusal = KinoraError(.webhookRefused, detail: "HTTP \(reply.status) \(words)")
            // The answer may quote the address, and the address may hold a token.
            let query = url.split(separator: "?", maxSplits: 1).dropFirst().first.map(String.init) ?? ""
            let isTaken = (200..<300).contains(reply.status)
            error = isTaken ? nil : query.isEmpty ? refusal : refusal.replacing(Secret(query))
        }
    }

    /// The receiver wants nothing more, ever.
    public var isGone: Bool { status == 410 }
}
