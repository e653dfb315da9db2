public import Core

/// Volcengine Ark: Seedance's videos and Seedream's pictures. The base URL ends in `/api/v3`.
public struct Ark: Vendor {
    /// Ark abroad, BytePlus ModelArk, speaks the same, but calls its models otherwise: a route leads to the
    /// one or to the other.
    public enum Site: String, Sendable { case ark, byteplus }

    public init(_ site: Site = .ark) { name = site.rawValue }

    public let name: String
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(30)
    public let usualSlots = 3

    static let bodyBytesMax: Int64 = 60 << 20
    private static let ratios = ["16:9", "4:3", "1:1", "3:4", "9:16", "21:9"]
    private static let tasks = "/contents/generations/tasks"

    private func get(_ path: String, _ account: VendorAccount) -> HTTPCall {
        HTTPCall(.get, account.url(path), headers: account.headers(), timeoutSeconds: 30)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        if [.t2i, .i2i].contains(job.category) { return try draw(job, account) }
        try job.refuseRemix()
        var files = InlineReferences(of: job, bodyBytesMax: Self.bodyBytesMax)
        // Films go by address only.
        let content = try files.content(of: job, inline: [.image, .audio])
        var fields: JSONObject = ["model": .string(job.model), "content": content]
        let given = job.parameters
        let shape = given["size"]?.stringValue.flatMap { FrameShape($0, among: Self.ratios) }
        fields["resolution"] =
            given["resolution"]?.stringValue.map { .string($0.lowercased()) }
            ?? shape.map { .string("\($0.level)p") }
        fields["ratio"] = given["ratio"] ?? shape.map { .string($0.ratio) }
        fields["duration"] = given["seconds"]
        fields["seed"] = given["seed"]
        fields["generate_audio"] = given["audio"]
        fields["watermark"] = false
        fields["callback_url"] = job.callbackURL.map { .string($0) }
        return HTTPCall(
            .post, account.url(Self.tasks), headers: account.headers(), body: files.body(fields),
            timeoutSeconds: Limits.submitSecondsMax, isRepeatable: false)
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        let json = try json(reply)
        if let pictures = json["data"]?.arrayValue { return Self.made(pictures, reply) }
        return try reply.ticket(json["id"])
    }

    // MARK: poll

    private func task(_ method: Method, _ ticket: String, _ account: VendorAccount) -> HTTPCall {
        var call = get("\(Self.tasks)/\(PercentCoding.encode(ticket))", account)
        call.method = method
        return call
    }

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall { task(.get, ticket, account) }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try json(reply)
        switch json["status"]?.stringValue {
        case "queued", "running": return .pending(percent: nil, isPostprocessing: false)
        case "succeeded":
            return reply.completed([json["content"]?["video_url"]?.stringValue])
        case "failed":
            let error = json["error"]
            let code = error?["code"]?.stringValue ?? ""
            let detail = "\(code): \(error?["message"]?.stringValue ?? "no message")"
            return .failed(
                KinoraError(
                    Self.isContentRefusal(code) ? .contentRefused : .generationFailed, detail: detail))
        case "expired": return .failed(KinoraError(.upstreamExpired, detail: reply.excerpt))
        case "cancelled": return .failed(KinoraError(.generationFailed, detail: "cancelled at the vendor"))
        case let word:
            throw reply.unknown(word)
        }
    }

    // MARK: after a submit without an answer

    private static let pageSize = 100

    public func lookUp(_ kind: MediaKind) -> (@Sendable (VendorJob, VendorAccount) -> HTTPCall)? {
        guard kind == .video else { return nil }
        return { _, account in get("\(Self.tasks)?page_num=1&page_size=\(Self.pageSize)", account) }
    }

    /// The list tells no prompt, so a task that may be the job's is never taken for it: somebody else's film
    /// would come to its owner. That there is none is certain where the list is whole or reaches back.
    public func found(
        _ reply: HTTPReply, for job: VendorJob, _ account: VendorAccount
    ) throws(KinoraError) -> LookUpPage {
        let json = try json(reply)
        guard let tasks = json["items"]?.arrayValue else {
            throw KinoraError(.upstreamProtocol, detail: "the list has no items: \(reply.excerpt)")
        }
        // A minute of slack: the vendor's clock is not ours.
        let earliest = job.startedAt.seconds - 60
        let times = tasks.map { $0["created_at"]?.integerValue ?? .max }
        let isWhole = json["total"]?.integerValue.map { $0 <= tasks.count } ?? false
        let reachesBack = times.last.map { $0 < earliest && (times.first ?? 0) >= $0 } ?? false
        let mayBeOurs = zip(tasks, times).contains { task, time in
            time >= earliest && task["model"]?.stringValue ?? job.model == job.model
        }
        return LookUpPage(
            candidates: [], nextPage: nil, isClear: !mayBeOurs && (isWhole || reachesBack))
    }

    // MARK: the rest

    /// Stops what is queued. It forgets what has ended, and refuses what runs.
    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? {
        task(.delete, ticket, account)
    }

    public func removal(of ticket: String, _ account: VendorAccount) -> HTTPCall? {
        task(.delete, ticket, account)
    }

    public func probe(_ account: VendorAccount) -> HTTPCall {
        get("\(Self.tasks)?page_num=1&page_size=1", account)
    }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        _ = try reply.list(json(reply)["items"], of: "tasks")
    }

    // MARK: text models

    public func relay(_ request: RelayRequest, as model: String, _ account: VendorAccount) -> HTTPCall? {
        TextModels.relay(request, as: model, account, at: account.url(""))
    }

    public func relayed(_ reply: HTTPReply) throws(KinoraError) -> TokenUsage? {
        try TextModels.relayed(reply, error(of:))
    }
}
