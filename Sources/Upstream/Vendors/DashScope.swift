public import Core

/// Alibaba's DashScope (Model Studio, Bailian): Wan's and HappyHorse's videos and pictures. Everything is a
/// task there. The base URL ends in `/api/v1`, and belongs to the region of the key.
public struct DashScope: Vendor {
    public init() {}

    public let name = "dashscope"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(30)
    public let usualSlots = 2

    static let bodyBytesMax: Int64 = 60 << 20

    private func get(_ path: String, _ account: VendorAccount) -> HTTPCall {
        HTTPCall(.get, account.url(path), headers: account.headers(), timeoutSeconds: 30)
    }

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        let order = try DashScopeOrder(job)
        return HTTPCall(
            .post, account.url("/services/aigc/\(order.path)"),
            headers: account.headers() + [("X-DashScope-Async", Secret("enable"))], body: order.body,
            timeoutSeconds: Limits.submitSecondsMax, isRepeatable: false)
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        let json = try json(reply)
        if let id = json["output"]?["task_id"]?.stringValue, (1...512).contains(id.utf8.count) {
            return .ticket(id)
        }
        if let error = Self.refusal(json, reply) { return .refused(error) }
        throw KinoraError(.upstreamProtocol, detail: "the accepted task has no id: \(reply.excerpt)")
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        get("/tasks/\(PercentCoding.encode(ticket))", account)
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try json(reply)
        let output = json["output"] ?? .null
        switch output["task_status"]?.stringValue {
        case "PENDING", "SUSPENDED", "RUNNING": return .pending(percent: nil, isPostprocessing: false)
        case "SUCCEEDED": return Self.ended(output, reply)
        case "FAILED": return .failed(Self.failure(output))
        case "CANCELED": return .failed(KinoraError(.generationFailed, detail: "cancelled at the vendor"))
        // What it is called a day after its end.
        case "UNKNOWN": return .failed(KinoraError(.upstreamExpired, detail: reply.excerpt))
        case let word:
            if word == nil, let error = Self.refusal(json, reply) { throw error }
            throw reply.unknown(word)
        }
    }

    /// A film, or pictures in one of two forms; single ones may have failed.
    private static func ended(_ output: JSON, _ reply: HTTPReply) -> VendorProgress {
        var links = [output["video_url"]?.stringValue].compactMap(\.self)
        links += (output["results"]?.arrayValue ?? []).compactMap { $0["url"]?.stringValue }
        for choice in output["choices"]?.arrayValue ?? [] {
            links += (choice["message"]?["content"]?.arrayValue ?? []).compactMap { $0["image"]?.stringValue }
        }
        links.removeAll(where: \.isEmpty)
        guard links.isEmpty else { return .completed(links.map { VendorResult(.link($0)) }) }
        if let failed = output["results"]?.arrayValue?.first(where: { $0["code"] != nil }) {
            return .failed(failure(failed))
        }
        return .failed(KinoraError(.upstreamEmptyResult, detail: reply.excerpt))
    }

    private static func failure(_ json: JSON) -> KinoraError {
        let code = json["code"]?.stringValue ?? ""
        let detail = "\(code): \(json["message"]?.stringValue ?? "no message")"
        return KinoraError(
            isContentRefusal(code) ? .contentRefused : .generationFailed, detail: detail)
    }

    // MARK: after a submit without an answer

    public func lookUp(_ kind: MediaKind) -> (@Sendable (VendorJob, VendorAccount) -> HTTPCall)? {
        { _, account in get("/tasks?page_no=1&page_size=100", account) }
    }

    /// The list tells no prompt, so a task that may be the job's is never taken for it: somebody else's film
    /// would come to its owner. That there is none is certain where the list is whole.
    public func found(
        _ reply: HTTPReply, for job: VendorJob, _ account: VendorAccount
    ) throws(KinoraError) -> LookUpPage {
        let json = try json(reply)
        guard let tasks = json["data"]?.arrayValue else {
            throw KinoraError(.upstreamProtocol, detail: "the list has no data: \(reply.excerpt)")
        }
        let isWhole = json["total"]?.integerValue.map { $0 <= tasks.count } ?? false
        // A minute of slack: the vendor's clock is not ours.
        let earliest = (job.startedAt.seconds - 60) * 1000
        let mayBeOurs = tasks.contains { task in
            task["gmt_create"]?.integerValue ?? .max >= earliest
                && task["model_name"]?.stringValue ?? job.model == job.model
        }
        return LookUpPage(candidates: [], nextPage: nil, isClear: isWhole && !mayBeOurs)
    }

    // MARK: the rest

    /// Only what is pending is cancelled; the rest is refused.
    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? {
        var call = get("/tasks/\(PercentCoding.encode(ticket))/cancel", account)
        call.method = .post
        return call
    }

    public func probe(_ account: VendorAccount) -> HTTPCall { get("/tasks?page_no=1&page_size=1", account) }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        let json = try json(reply)
        if let error = Self.refusal(json, reply) { throw error }
        _ = try reply.list(json["data"], of: "tasks")
    }

    // MARK: text models

    /// They have an address of their own, beside that of the media: `/compatible-mode/v1`.
    public func relay(_ request: RelayRequest, as model: String, _ account: VendorAccount) -> HTTPCall? {
        let media = "/api/v1", base = account.url("")
        guard base.hasSuffix(media) else { return nil }
        let texts = base.dropLast(media.count) + "/compatible-mode/v1"
        return TextModels.relay(request, as: model, account, at: String(texts))
    }

    public func relayed(_ reply: HTTPReply) throws(KinoraError) -> TokenUsage? {
        try TextModels.relayed(reply, error(of:))
    }
}
