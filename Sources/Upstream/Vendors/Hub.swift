public import Core

/// Video hubs, and whatever else speaks their API (another Kinora). Source: that API's document. The base URL
/// is what stands before `/api`; pictures and text models are OpenAI's, below `/api/relay/v1`.
public struct Hub: Vendor {
    public init() {}

    public let name = "hub"
    public let pollInterval: ClosedRange<Duration> = .seconds(2) ... .seconds(20)

    private static let relayPath = "/api/relay/v1"
    private static let bodyBytesMax = Int64(Limits.jsonBodyBytesMax)

    private func get(_ path: String, _ account: VendorAccount) -> HTTPCall {
        HTTPCall(.get, account.url(path), headers: account.headers(), timeoutSeconds: 30)
    }

    private static func relayAccount(_ account: VendorAccount) -> VendorAccount {
        VendorAccount(
            row: account.row, baseURL: account.url(relayPath), credential: account.credential,
            proxyURL: account.proxyURL)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        if job.category == .t2i { return try OpenAI().draw(job, Self.relayAccount(account)) }
        guard job.category != .i2i else {
            throw KinoraError(.unsupportedByVendor, "This model takes no pictures.", field: "image")
        }
        var files = InlineReferences(of: job, bodyBytesMax: Self.bodyBytesMax)
        var fields: JSONObject = ["model": .string(job.model), "prompt": .string(job.prompt)]
        fields["duration"] = job.parameters["seconds"]
        fields["aspect_ratio"] = job.parameters["ratio"]
        fields["negative_prompt"] = job.parameters["negative_prompt"]
        if let reference = job.references.first {
            guard job.references.count == 1, reference.type.family == .image else {
                throw KinoraError(
                    .unsupportedByVendor, "This model takes one reference image.", field: "references")
            }
            fields["image_url"] =
                reference.link == nil ? try files.dataURL(reference) : try reference.address()
        }
        return HTTPCall(
            .post, account.url("/api/video/submit"),
            headers: account.headers() + [("Idempotency-Key", Secret(job.token))], body: files.body(fields),
            timeoutSeconds: Limits.submitSecondsMax, isRepeatable: false)
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        let json = try json(reply)
        if json["success"] == false { return .refused(error(of: reply)) }
        if let pictures = json["data"]?.arrayValue { return .made(try OpenAI.made(pictures, reply)) }
        return try reply.ticket(json["data"]?["jobId"])
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        get("/api/video/status?jobId=\(PercentCoding.encode(ticket))", account)
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 || reply.status == 410 {
            throw KinoraError(.upstreamExpired, detail: reply.excerpt)
        }
        let json = try json(reply)
        if json["success"] == false { throw error(of: reply) }
        let job = json["data"]
        let percent = job?["progress"]?.doubleValue.map { Int(max(0, min(100, $0))) }
        switch job?["status"]?.stringValue {
        case "queued", "processing": return .pending(percent: percent, isPostprocessing: false)
        case "succeeded":
            guard let url = job?["resultUrl"]?.stringValue, !url.isEmpty else {
                throw KinoraError(.upstreamEmptyResult, detail: reply.excerpt)
            }
            guard let target = WebAddress.target(of: url, from: account.url("/")) else {
                throw KinoraError(.upstreamProtocol, detail: "the result's address is none: \(reply.excerpt)")
            }
            return .completed([VendorResult(.link(target))])
        case "failed", "cancelled":
            let words = job?["error"]?.stringValue ?? ""
            return .failed(
                KinoraError(
                    VendorWords.tellRefusal(words) ? .contentRefused : .generationFailed,
                    detail: reply.excerpt))
        case let word:
            throw reply.unknown(word)
        }
    }

    // MARK: the rest

    public func probe(_ account: VendorAccount) -> HTTPCall { get("/api/user/quota", account) }

    public func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall] {
        [get("/api/user/quota", account)]
    }

    /// A unit of its quota is a million micro-units. Who never had any is not measured, or learns it from a
    /// refusal.
    public func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64? {
        let quota = try quota(replies[0])
        return quota.total == 0 ? nil : quota.remaining * 1_000_000
    }

    private func quota(
        _ reply: HTTPReply
    ) throws(KinoraError) -> (total: Int64?, remaining: Int64) {
        let json = try json(reply)
        if json["success"] == false { throw error(of: reply) }
        guard let remaining = json["data"]?["remainingQuota"]?.integerValue,
            (0...1_000_000_000_000).contains(remaining)
        else {
            throw KinoraError(.upstreamProtocol, detail: "remainingQuota is no amount: \(reply.excerpt)")
        }
        return (json["data"]?["totalQuota"]?.integerValue, remaining)
    }

    public func relay(_ request: RelayRequest, as model: String, _ account: VendorAccount) -> HTTPCall? {
        TextModels.relay(request, as: model, account, at: account.url(Self.relayPath))
    }

    public func relayed(_ reply: HTTPReply) throws(KinoraError) -> TokenUsage? {
        try TextModels.relayed(reply, error(of:))
    }

    // MARK: errors

    /// The document has numbers and words: 403 is said of a revoked key and of a quota that is used up.
    public func error(of reply: HTTPReply) -> KinoraError {
        let json = try? JSONParser.parse(reply.body)
        let code = json?["code"]?.stringValue ?? json?["error"]?["code"]?.stringValue ?? ""
        let words = "\(code) \(json?["message"]?.stringValue ?? "")"
        let kind: ErrorCode =
            switch reply.status {
            case 402: .upstreamMoney
            case 403 where VendorWords.tellPoverty(words): .upstreamMoney
            case 401, 403: .upstreamCredential
            case 400 where VendorWords.tellRefusal(words): .contentRefused
            case 404 where code == "model_not_found": .upstreamModelClosed
            case 429 where ["queue_full", "concurrency_limit"].contains(where: code.contains):
                .upstreamConcurrency
            case 429: .upstreamRate
            case 408, 500...: .upstreamServer
            // A refusal that calls itself a success.
            case 200..<300 where VendorWords.tellPoverty(words): .upstreamMoney
            case 200..<300, 400..<500: .upstreamRequest
            default: .upstreamProtocol
            }
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }
}
