public import Core

/// MiniMax: Hailuo's videos, and pictures with the answer. The base URL is `https://api.minimax.io` or
/// `https://api.minimaxi.com`, without `/v1`.
///
/// It has two versions. The second one takes the models of the form `MiniMax-H3`
/// (platform.minimax.io/docs/api-reference/video-generation-v2-create).
///
/// It tells an address that is to be called back only to who answers a challenge, so it is given none.
public struct MiniMax: Vendor {
    public init() {}

    public let name = "minimax"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(15)
    public let usualSlots = 2

    /// What a ticket of the second version begins with. Those of the first are the vendor's ids alone.
    private static let newer = "v2/"

    private func call(
        _ method: Method, _ path: String, _ account: VendorAccount, _ body: HTTPCall.Body = .none
    ) -> HTTPCall {
        HTTPCall(method, account.url(path), headers: account.headers(), body: body, timeoutSeconds: 30)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        let order = try MiniMaxOrder(job)
        var call = call(.post, order.path, account, order.body).once
        // The answer is the result, and takes as long as that does.
        if order.isForPictures { call.mediaMembers = ["image_base64"] }
        return call
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        let json = try json(reply)
        if let error = Self.refusal(json, reply) { return .refused(error) }
        if let data = json["data"], !data.isNull {
            let links = (data["image_urls"]?.arrayValue ?? []).compactMap(\.stringValue)
                .filter { !$0.isEmpty }
            guard !links.isEmpty else {
                return .refused(KinoraError(.upstreamEmptyResult, detail: reply.excerpt))
            }
            return .made(links.map { VendorResult(.link($0)) })
        }
        guard let id = json["task_id"].flatMap(Self.text), (1...500).contains(id.utf8.count) else {
            throw KinoraError(.upstreamProtocol, detail: "the accepted task has no id: \(reply.excerpt)")
        }
        return .ticket(MiniMaxOrder.isNewer(job().model) ? Self.newer + id : id)
    }

    /// An id is a text there, and now and then a number.
    static func text(_ id: JSON) -> String? {
        id.stringValue ?? id.integerValue.map { String($0) }
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        let path =
            Self.newerID(ticket).map { "/v2/query/video_generation/\($0)" }
            ?? "/v1/query/video_generation?task_id=\(PercentCoding.encode(ticket))"
        return call(.get, path, account)
    }

    /// Nil: a ticket of the first version.
    private static func newerID(_ ticket: String) -> String? {
        ticket.hasPrefix(newer) ? PercentCoding.encode(String(ticket.dropFirst(newer.count))) : nil
    }

    /// A task that is done names a file, and the file's own page its address.
    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        let told = (try? JSONParser.parse(reply.body)) ?? .null
        if let error = Self.refusal(told, reply) {
            if Self.hasFailed(told) {
                let isRefused = error.code == .contentRefused
                return .failed(isRefused ? error : KinoraError(.generationFailed, detail: reply.excerpt))
            }
            // All that a poll says is the task's id.
            throw error.code == .upstreamRequest
                ? KinoraError(.upstreamExpired, detail: reply.excerpt) : error
        }
        let json = try json(reply)
        if let task = json["task"] { return try Self.newerProgress(task, reply) }
        if let file = json["file"] {
            return reply.completed([file["download_url"]?.stringValue])
        }
        switch json["status"]?.stringValue {
        case "Preparing", "Queueing", "Processing": return .pending(percent: nil, isPostprocessing: false)
        case "Success":
            guard let file = json["file_id"].flatMap(Self.text), !file.isEmpty else {
                return .failed(KinoraError(.upstreamEmptyResult, detail: reply.excerpt))
            }
            return .told(
                by: call(.get, "/v1/files/retrieve?file_id=\(PercentCoding.encode(file))", account))
        case _ where Self.hasFailed(json):
            return .failed(KinoraError(.generationFailed, detail: reply.excerpt))
        case let word:
            throw reply.unknown(word)
        }
    }

    private static func hasFailed(_ task: JSON) -> Bool {
        ["Fail", "Failed"].contains(task["status"]?.stringValue)
    }

    private static func newerProgress(
        _ task: JSON, _ reply: HTTPReply
    ) throws(KinoraError) -> VendorProgress {
        switch task["status"]?.stringValue {
        case "queued", "running": return .pending(percent: nil, isPostprocessing: false)
        case "succeeded": return reply.completed([task["content"]?["url"]?.stringValue])
        case "failed": return .failed(failure(task["error"] ?? .null))
        case "cancelled": return .failed(KinoraError(.generationFailed, detail: "cancelled at the vendor"))
        case let word:
            throw reply.unknown(word)
        }
    }

    /// The first version tells nothing.
    public func usage(in reply: HTTPReply) -> JSON? {
        guard let usage = (try? json(reply))?["task"]?["usage"], usage.objectValue?.isEmpty == false else {
            return nil
        }
        return usage
    }

    // MARK: the rest

    /// Stops what is queued. It forgets what has ended, and refuses what runs. The first version can nothing
    /// of that.
    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? {
        removal(of: ticket, account)
    }

    public func removal(of ticket: String, _ account: VendorAccount) -> HTTPCall? {
        Self.newerID(ticket).map { call(.delete, "/v2/video_generation/\($0)", account) }
    }

    /// A task that is gone and one that was cancelled are refused alike.
    public func removalError(_ reply: HTTPReply) -> KinoraError? {
        guard !(200..<300).contains(reply.status) else { return nil }
        let error = error(of: reply)
        return error.code == .upstreamRequest ? nil : error
    }

    /// Asks for a task that there is not.
    public func probe(_ account: VendorAccount) -> HTTPCall { poll("0", account) }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        let json = try json(reply)
        guard json["base_resp"]?["status_code"]?.integerValue != nil else {
            throw KinoraError(.upstreamProtocol, detail: "the answer has no code: \(reply.excerpt)")
        }
        // That there is no such task was to be expected.
        if let error = Self.refusal(json, reply), error.code != .upstreamRequest { throw error }
    }
}
