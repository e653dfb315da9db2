public import Core

/// Services that speak the API of jimeng-api and its kin: pictures and videos of Jimeng's site, each with the
/// answer to its request, over accounts that they hold by session. The base URL is what stands before `/v1`;
/// the credential is a key of the service, or a session as it takes it (`[proxy@][region-]session`).
public struct JimengAPI: Vendor {
    public init() {}

    public let name = "jimeng-api"
    public let pollInterval: ClosedRange<Duration> = .seconds(5) ... .seconds(20)
    public let usualSlots = 2

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        guard job.category != .i2i, job.references.allSatisfy({ $0.type.family == .image }) else {
            throw KinoraError(
                .unsupportedByVendor, "This model does not take these references.", field: "references")
        }
        var fields: JSONObject = ["model": .string(job.model), "prompt": .string(job.prompt)]
        // They refuse a size: a picture is measured by what it was made of.
        for name in ["ratio", "resolution", "negative_prompt"] { fields[name] = job.parameters[name] }
        let isPicture = job.category == .t2i
        if isPicture {
            fields["n"] = job.parameters["n"]
        } else {
            fields["duration"] = job.parameters["seconds"]
        }
        let files = job.references.enumerated().map { index, reference in
            HTTPCall.Part.file(
                name: "image_file_\(index + 1)", path: reference.path,
                filename: "image-\(index + 1).\(reference.type.fileExtension)", type: reference.type)
        }
        let texts = fields.members.map {
            HTTPCall.Part.text(name: $0.name, value: $0.value.stringValue ?? $0.value.text)
        }
        var call = HTTPCall(
            .post, account.url(isPicture ? "/v1/images/generations" : "/v1/videos/generations"),
            headers: account.headers() + [("Idempotency-Key", Secret(job.token))],
            body: files.isEmpty ? .json(.object(fields)) : .multipart(texts + files),
            timeoutSeconds: Limits.submitSecondsMax, isRepeatable: false)
        // The answer is the result, and takes as long as that does.
        call.mediaMembers = ["b64_json"]
        return call
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        let json = try json(reply)
        if let error = Self.refusal(json, reply) { return .refused(error) }
        guard let made = json["data"]?.arrayValue else {
            throw KinoraError(.upstreamProtocol, detail: "the answer has no media: \(reply.excerpt)")
        }
        return .made(try OpenAI.made(made, reply))
    }

    // MARK: poll

    /// There is nothing to poll: whatever is accepted is done.
    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall { probe(account) }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        throw KinoraError(.upstreamExpired, detail: "the service keeps no tasks")
    }

    // MARK: the rest

    public func probe(_ account: VendorAccount) -> HTTPCall {
        HTTPCall(.get, account.url("/v1/models"), headers: account.headers(), timeoutSeconds: 30)
    }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        let json = try json(reply)
        if let error = Self.refusal(json, reply) { throw error }
        _ = try reply.list(json["data"], of: "models")
    }

    public func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall] {
        [HTTPCall(.post, account.url("/token/points"), headers: account.headers(), timeoutSeconds: 30)]
    }

    /// A point is a million micro-units. A session that is good for several accounts has those of all.
    public func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64? {
        if [404, 405, 501].contains(replies[0].status) {
            throw KinoraError(
                .unsupportedByVendor, "The service does not tell what credit it has.",
                detail: replies[0].excerpt)
        }
        let json = try json(replies[0])
        if let error = Self.refusal(json, replies[0]) { throw error }
        let points = (json.arrayValue ?? []).compactMap { $0["points"]?["totalCredit"]?.doubleValue }
        guard !points.isEmpty, points.allSatisfy({ (0...1e12).contains($0) }) else {
            throw KinoraError(.upstreamProtocol, detail: "these are no points: \(replies[0].excerpt)")
        }
        return replies[0].credits(points.reduce(0, +))
    }

    // MARK: errors

    /// Most of them answer 200 to everything, and say in `code` what it was.
    private static func refusal(_ json: JSON, _ reply: HTTPReply) -> KinoraError? {
        guard let code = json["code"]?.integerValue, code != 0 else { return nil }
        return KinoraError(
            kind(of: code) ?? .upstreamServer, retryAfterSeconds: reply.retryAfterSeconds,
            detail: reply.excerpt)
    }

    public func error(of reply: HTTPReply) -> KinoraError {
        let json = try? JSONParser.parse(reply.body)
        let code = json?["code"]?.integerValue ?? 0
        let word = json?["error"]?["code"]?.stringValue ?? ""
        let kind: ErrorCode =
            switch reply.status {
            case 402: .upstreamMoney
            case 429 where word == "queue_full": .upstreamConcurrency
            case 429: .upstreamRate
            case 400..<500 where VendorWords.tellRefusal(word): .contentRefused
            case 401, 403: .upstreamCredential
            case 408, 500...: .upstreamServer
            case 400..<500: .upstreamRequest
            default: .upstreamProtocol
            }
        return KinoraError(
            Self.kind(of: code) ?? kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }

    /// The service's own codes, and those of the site, which come through now and then.
    private static func kind(of code: Int64) -> ErrorCode? {
        switch code {
        case -2000, -2003, -2004, 4002: .upstreamRequest
        case -2002, 1015, 34_010_105: .upstreamCredential
        case -2006, 4001: .contentRefused
        case -2009, 5000, 1006: .upstreamMoney
        case -2007, -2008, 5001, 5002: .generationFailed
        default: nil
        }
    }
}
