public import Core

/// Two forms of errors: the service's own, with a number, and those of the gateway before it, with a word.
extension Jimeng {
    /// The body, whatever the status: what was refused stands in it. Throws what the gateway refuses with.
    static func envelope(_ reply: HTTPReply) throws(KinoraError) -> JSON {
        let json: JSON
        do { json = try JSONParser.parse(reply.body) } catch {
            throw KinoraError(
                (200..<300).contains(reply.status) ? .upstreamProtocol : reply.kind,
                retryAfterSeconds: reply.retryAfterSeconds, detail: "\(error.message) \(reply.excerpt)")
        }
        // Where the gateway speaks, nothing else counts.
        if let metadata = json["ResponseMetadata"], !metadata.isNull {
            let code = metadata["Error"]?["Code"]?.stringValue ?? ""
            throw KinoraError(
                kind(of: code) ?? reply.kind, retryAfterSeconds: reply.retryAfterSeconds,
                detail: reply.excerpt)
        }
        if json["code"]?.integerValue == nil, !(200..<300).contains(reply.status) {
            throw KinoraError(
                reply.kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
        }
        return json
    }

    /// That of anything which is not the service itself.
    public func error(of reply: HTTPReply) -> KinoraError {
        let kind: ErrorCode =
            switch reply.status {
            case 408, 500...: .upstreamServer
            case 429: .upstreamRate
            default: .upstreamProtocol
            }
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }

    /// What the service refuses the request with; nil: it does not.
    static func refusal(_ json: JSON, _ reply: HTTPReply) -> KinoraError? {
        guard let code = json["code"]?.integerValue, code != 10_000 else { return nil }
        return KinoraError(
            kind(of: code) ?? reply.kind, retryAfterSeconds: reply.retryAfterSeconds,
            detail: reply.excerpt)
    }

    private static func kind(of code: Int64) -> ErrorCode? {
        switch code {
        case 50411...50413, 50518: .contentRefused
        case 50511, 50512, 50516, 50517, 50519...50522: .contentRefused
        case 50429: .upstreamRate
        case 50430: .upstreamConcurrency
        case 50500, 50501: .upstreamServer
        default: nil
        }
    }

    private static func kind(of word: String) -> ErrorCode? {
        switch word {
        case "MissingSignature", "InvalidAccessKey", "SignatureDoesNotMatch", "InvalidAuthorization",
            "InvalidCredential", "LackPolicy", "AccessDenied":
            .upstreamCredential
        // Each call is signed as it leaves: the clocks differ, and the keys are good.
        case "InvalidTimestamp": .upstreamServer
        case "FlowLimitExceeded": .upstreamRate
        case "MissingParameter", "InvalidActionOrVersion": .upstreamRequest
        default: nil
        }
    }
}
