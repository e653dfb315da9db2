public import Core

/// Luma's Dream Machine: Ray's videos. The base URL is `https://api.lumalabs.ai/dream-machine/v1`. Pictures
/// go by address only.
public struct Luma: Vendor {
    public init() {}

    public let name = "luma"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(15)
    public let usualSlots = 2

    private static let ratios = ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21"]

    private func call(
        _ method: Method, _ path: String, _ account: VendorAccount, _ body: HTTPCall.Body = .none
    ) -> HTTPCall {
        HTTPCall(
            method, account.url(path),
            headers: account.headers(), body: body, timeoutSeconds: 30)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        let hasFrames = try job.hasFrames()
        let given = job.parameters
        var fields: JSONObject = ["model": .string(job.model), "prompt": .string(job.prompt)]
        let shape = given["size"]?.stringValue.flatMap { FrameShape($0, among: Self.ratios) }
        fields["aspect_ratio"] = given["ratio"] ?? shape.map { .string($0.ratio) }
        fields["resolution"] =
            given["resolution"]?.stringValue.map { .string($0.lowercased()) }
            ?? shape.map { .string($0.level == 480 ? "540p" : "\($0.level)p") }
        fields["duration"] = given["seconds"].map { .string("\($0.text)s") }
        if hasFrames {
            var frames: JSONObject = [:]
            for (index, reference) in job.references.enumerated() {
                frames["frame\(index)"] = ["type": "image", "url": try reference.address()]
            }
            fields["keyframes"] = .object(frames)
        }
        fields["callback_url"] = job.callbackURL.map { .string($0) }
        return call(.post, "/generations/video", account, .json(.object(fields))).once
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        return try reply.ticket(json(reply)["id"])
    }

    // MARK: poll

    private func generation(_ method: Method, _ ticket: String, _ account: VendorAccount) -> HTTPCall {
        call(method, "/generations/\(PercentCoding.encode(ticket))", account)
    }

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        generation(.get, ticket, account)
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try json(reply)
        switch json["state"]?.stringValue {
        case "queued", "dreaming": return .pending(percent: nil, isPostprocessing: false)
        case "completed":
            return reply.completed([json["assets"]?["video"]?.stringValue])
        case "failed":
            let reason = json["failure_reason"]?.stringValue ?? "no reason given"
            return .failed(
                KinoraError(
                    Self.isRefusal(reason) ? .contentRefused : .generationFailed, detail: reason))
        case let word:
            throw reply.unknown(word, as: "state")
        }
    }

    // MARK: the rest

    /// Ends a generation in any state, which is then known no more.
    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? {
        generation(.delete, ticket, account)
    }

    public func removal(of ticket: String, _ account: VendorAccount) -> HTTPCall? {
        generation(.delete, ticket, account)
    }

    public func probe(_ account: VendorAccount) -> HTTPCall { call(.get, "/credits", account) }

    public func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall] { [probe(account)] }

    /// It counts in cents; a dollar is a million micro-units.
    public func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64? {
        let cents = try replies[0].amount(json(replies[0])["credit_balance"], "credit_balance")
        return replies[0].credits(cents, micros: 10_000)
    }

    // MARK: errors

    private static func isRefusal(_ words: String) -> Bool {
        ["moderat", "blacklisted"].contains(where: words.lowercased().contains)
    }

    /// Errors have words and no codes.
    public func error(of reply: HTTPReply) -> KinoraError {
        let words = (try? JSONParser.parse(reply.body))?["detail"]?.stringValue ?? ""
        let kind: ErrorCode =
            switch reply.status {
            case 400, 422: Self.isRefusal(words) ? .contentRefused : .upstreamRequest
            default: reply.kind
            }
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }
}
