public import Core

/// Luma's Agents API: Ray 3.2's videos (docs.agents.lumalabs.ai). The base URL is
/// `https://agents.lumalabs.ai/v1`; keys of the Dream Machine (`Luma`) are not good there.
///
/// It lists no tasks, stops none, tells no credit and calls nobody back.
public struct LumaAgents: Vendor {
    public init() {}

    public let name = "luma-agents"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(15)
    public let usualSlots = 2

    /// A picture of 50 MB, as base64. It takes two of them, and does not say how much together.
    private static let bodyBytesMax: Int64 = 68 << 20
    private static let ratios = ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9"]

    private func call(
        _ method: Method, _ path: String, _ account: VendorAccount, _ body: HTTPCall.Body = .none
    ) -> HTTPCall {
        HTTPCall(method, account.url(path), headers: account.headers(), body: body, timeoutSeconds: 30)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        let hasFrames = try job.hasFrames()
        let given = job.parameters
        let shape = given["size"]?.stringValue.flatMap { FrameShape($0, among: Self.ratios) }
        var fields: JSONObject = [
            "model": .string(job.model), "type": "video", "prompt": .string(job.prompt),
        ]
        // Frames have a ratio themselves.
        if !hasFrames { fields["aspect_ratio"] = given["ratio"] ?? shape.map { .string($0.ratio) } }
        var video: JSONObject = [:]
        video["resolution"] =
            given["resolution"]?.stringValue.map { .string($0.lowercased()) }
            ?? shape.map { .string($0.level == 480 ? "540p" : "\($0.level)p") }
        video["duration"] = given["seconds"].map { .string("\($0.text)s") }
        var files = InlineReferences(of: job, bodyBytesMax: Self.bodyBytesMax)
        for (name, reference) in zip(["start_frame", "end_frame"], job.references) {
            video[name] = [
                "data": try files.dataURL(reference, isBare: true),
                "media_type": .string(reference.type.rawValue),
            ]
        }
        fields["video"] = .object(video)
        var call = call(.post, "/generations", account, files.body(fields)).once
        // What its support can find a submit by that was not answered.
        call.headers.append(("X-Request-Id", Secret(job.token)))
        return call
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        return try reply.ticket(json(reply)["id"])
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        call(.get, "/generations/\(PercentCoding.encode(ticket))", account)
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try json(reply)
        switch json["state"]?.stringValue {
        case "queued", "processing": return .pending(percent: nil, isPostprocessing: false)
        case "completed":
            return reply.completed((json["output"]?.arrayValue ?? []).map { $0["url"]?.stringValue })
        case "failed":
            let code = json["failure_code"]?.stringValue ?? ""
            let detail = "\(code): \(json["failure_reason"]?.stringValue ?? "no reason given")"
            return .failed(KinoraError(Self.kind(ofFailure: code), detail: detail))
        case let word:
            throw reply.unknown(word, as: "state")
        }
    }

    // MARK: the rest

    /// Asks for a generation that there is not: it tells nothing else of an account.
    public func probe(_ account: VendorAccount) -> HTTPCall {
        poll("00000000-0000-0000-0000-000000000000", account)
    }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        // That there is no such generation was to be expected, whatever it calls that.
        let isRefused = [400, 404, 422].contains(reply.status)
        if isRefused, (try? JSONParser.parse(reply.body))?["detail"] != nil { return }
        _ = try json(reply)
        throw KinoraError(.upstreamProtocol, detail: "the answer has no detail: \(reply.excerpt)")
    }

    // MARK: errors

    /// Luma itself says of `generation_failed`, `output_not_found` and `rate_limited` that they may go better
    /// another time, and of the others that they will not.
    private static func kind(ofFailure code: String) -> ErrorCode {
        switch code {
        case "content_moderated": .contentRefused
        case "budget_exhausted": .upstreamMoney
        case "rate_limited": .upstreamRate
        case "output_not_found": .upstreamEmptyResult
        case "image_too_large", "unsupported_format", "corrupt_input", "invalid_request": .upstreamRequest
        default: .generationFailed
        }
    }

    /// Errors have words and no codes. What it thinks of a prompt it says when it makes the film.
    public func error(of reply: HTTPReply) -> KinoraError {
        let words = (try? JSONParser.parse(reply.body))?["detail"]?.stringValue?.lowercased() ?? ""
        let isFull = reply.status == 429 && words.contains("concurrent")
        let request = reply.headers["x-request-id"].map { " (request \($0))" } ?? ""
        return KinoraError(
            isFull ? .upstreamConcurrency : reply.kind, retryAfterSeconds: reply.retryAfterSeconds,
            detail: reply.excerpt + request)
    }
}
