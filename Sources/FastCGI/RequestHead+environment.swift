import Glibc
internal import Core

extension RequestHead {
    /// Reads the parameters that nginx/parts/fastcgi.conf sends. One pass over the environment: libfcgi's own
    /// look-up walks it from the start for every name.
    init(environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, copiesAllHeaders: Bool) {
        self.init(method: nil, target: "")
        guard var entry = environment else { return }
        var internalTarget: String?
        while let text = entry.pointee {
            entry += 1
            guard let equals = strchr(text, 61) else { continue }
            let name = UnsafeRawBufferPointer(start: text, count: equals - text)
            take(name, UnsafeRawPointer(equals + 1), copiesAllHeaders, &internalTarget)
        }
        if let internalTarget { target = internalTarget }
    }

    /// By which vendors sign their callbacks.
    private static let signing: [StaticString] = [
        "HTTP_DATE", "HTTP_X_REQUEST_NONCE", "HTTP_X_HMAC_ALGORITHM", "HTTP_X_HMAC_SIGNED_HEADERS",
        "HTTP_X_HMAC_SIGNATURE",
    ]

    private mutating func take(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawPointer, _ copiesAll: Bool,
        _ internalTarget: inout String?
    ) {
        func matches(_ text: StaticString) -> Bool {
            name.count == text.utf8CodeUnitCount && memcmp(name.baseAddress!, text.utf8Start, name.count) == 0
        }
        // Invalid UTF-8 is repaired here and refused where it matters: in the path and in the body.
        var text: String { String(cString: value.assumingMemoryBound(to: CChar.self)) }
        // Set by nginx alone, where it sends a request on inside: the client's own target is then history.
        if matches("KN_TARGET") {
            internalTarget = text
        } else if matches("REQUEST_METHOD") {
            method = Method(rawValue: text)
        } else if matches("REQUEST_URI") {
            target = text
        } else if matches("CONTENT_TYPE") {
            contentType = text
        } else if matches("CONTENT_LENGTH") {
            contentLengthBytes = Int(text)
        } else if matches("KN_CLIENT_IP") {
            clientAddress = text
        } else if matches("KN_ORIGIN") {
            origin = text
        } else if matches("GATEWAY_DIALECT") {
            hostDialect = text
        } else if matches("KN_ADMISSION") {
            asksAdmission = true
        } else if matches("KN_REQUEST_ID") {
            requestID = text
        } else if matches("HTTP_AUTHORIZATION") {
            authorization = Secret(text)
        } else if matches("HTTP_X_API_KEY") {
            apiKeyHeader = Secret(text)
        } else if matches("HTTP_IDEMPOTENCY_KEY") {
            idempotencyKey = text
        } else if matches("HTTP_PREFER") {
            prefer = text
        } else if matches("HTTP_ACCEPT") {
            accept = text
        } else if matches("HTTP_IF_NONE_MATCH") {
            ifNoneMatch = text
        } else if matches("HTTP_LAST_EVENT_ID") {
            lastEventID = text
        } else if matches("HTTP_USER_AGENT") {
            userAgent = text
        }
        if name.count > 5, memcmp(name.baseAddress!, "HTTP_", 5) == 0,
            copiesAll || Self.signing.contains(where: matches)
        {
            let header = String(decoding: name.dropFirst(5), as: UTF8.self)
            headers[header.lowercased().replacing("_", with: "-")] = text
        }
    }
}
