public import Core

/// Vidu: videos of texts, of one picture, between two pictures, and after references. The base URL ends in
/// `/ent/v2`; `api.vidu.com` and `api.vidu.cn` have keys of their own.
public struct Vidu: Vendor {
    public init() {}

    public let name = "vidu"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(15)
    public let usualSlots = 5

    /// It takes 20 MB of JSON, and a little goes to everything but the pictures.
    private static let bodyBytesMax: Int64 = 19 << 20
    /// Off its peak it takes up to two days.
    private static let offPeakTime = Duration.seconds(48 * 3600)

    private func call(
        _ method: Method, _ path: String, _ account: VendorAccount, _ body: HTTPCall.Body = .none
    ) -> HTTPCall {
        HTTPCall(method, account.url(path), headers: account.headers("Token"), body: body, timeoutSeconds: 30)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        var files = InlineReferences(of: job, bodyBytesMax: Self.bodyBytesMax)
        var images: [JSON] = []
        var videos: [JSON] = []
        for reference in job.references {
            switch reference.type.family {
            case .image: images.append(try files.dataURL(reference))
            case .video: videos.append(try reference.address())
            case .audio: throw Self.unsupported("sounds")
            }
        }
        let path = try Self.path(job, images.count, videos.count)
        var fields: JSONObject = ["model": .string(job.model), "prompt": .string(job.prompt)]
        if !images.isEmpty { fields["images"] = .array(images) }
        if !videos.isEmpty { fields["videos"] = .array(videos) }
        let given = job.parameters
        let shape = given["size"]?.stringValue.flatMap { FrameShape($0, among: Self.ratios) }
        fields["duration"] = given["seconds"]
        fields["resolution"] =
            given["resolution"]?.stringValue.map { .string($0.lowercased()) }
            ?? shape.map { .string($0.level == 480 ? "540p" : "\($0.level)p") }
        // Frames have a ratio themselves.
        if path == "/text2video" || path == "/reference2video" {
            fields["aspect_ratio"] = given["ratio"] ?? shape.map { .string($0.ratio) }
        }
        fields["seed"] = given["seed"]
        // Q3 makes sound or not as it is told, and has no usual.
        fields["audio"] = given["audio"] ?? (job.model.hasPrefix("viduq3") ? true : nil)
        if given.isOffPeak, job.timeLeft >= Self.offPeakTime { fields["off_peak"] = true }
        fields["watermark"] = false
        fields["payload"] = .string(job.token)
        fields["callback_url"] = job.callbackURL.map { .string($0) }
        return call(.post, path, account, files.body(fields)).once
    }

    private static let ratios = ["16:9", "9:16", "1:1", "3:4", "4:3"]

    private static func unsupported(_ what: String) -> KinoraError {
        KinoraError(.unsupportedByVendor, "This model does not take \(what).", field: "references")
    }

    private static func path(_ job: VendorJob, _ images: Int, _ videos: Int) throws(KinoraError) -> String {
        switch (job.category, images, videos) {
        case (.ref2v, 1...7, _): return "/reference2video"
        case (.ref2v, _, _): throw unsupported("so many references")
        case (_, 0, 0): return "/text2video"
        case (_, 1, 0): return "/img2video"
        case (_, 2, 0): return "/start-end2video"
        default: throw unsupported("so many references")
        }
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        return try reply.ticket(json(reply)["task_id"])
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        call(.get, "/tasks/\(PercentCoding.encode(ticket))/creations", account)
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try json(reply)
        let percent = json["progress"]?.doubleValue.map { Int(max(0, min(100, $0))) }
        switch json["state"]?.stringValue {
        case "created", "queueing", "processing": return .pending(percent: percent, isPostprocessing: false)
        case "success":
            let links = (json["creations"]?.arrayValue ?? []).compactMap { $0["url"]?.stringValue }
            return reply.completed([links.first { !$0.isEmpty }])
        case "failed":
            let reason = json["err_code"]?.stringValue ?? ""
            let isRefusal = Self.refusals.contains(reason)
            return .failed(
                KinoraError(isRefusal ? .contentRefused : .generationFailed, detail: "err_code: \(reason)"))
        case let word:
            throw reply.unknown(word, as: "state")
        }
    }

    public func usage(in reply: HTTPReply) -> JSON? {
        guard let credits = (try? json(reply))?["credits"], credits.doubleValue != nil else { return nil }
        return ["credits": credits]
    }

    // MARK: the rest

    /// Only what it has not begun is cancelled; the rest is refused.
    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? {
        call(
            .post, "/tasks/\(PercentCoding.encode(ticket))/cancel", account,
            .json(["id": .string(ticket)]))
    }

    public func probe(_ account: VendorAccount) -> HTTPCall {
        call(.get, "/credits?show_detail=true", account)
    }

    public func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall] {
        [probe(account)]
    }

    /// A credit is a million micro-units.
    public func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64? {
        var sum = 0.0
        for remain in try remains(replies[0]) {
            sum += try replies[0].amount(remain["credit_remain"], "credit_remain")
        }
        return replies[0].credits(sum)
    }

    /// What is left of each kind of credit. Its documents call the list by two names.
    private func remains(_ reply: HTTPReply) throws(KinoraError) -> [JSON] {
        let json = try json(reply)
        return try reply.list(json["remains"] ?? json["remaining_credits"], of: "credits")
    }

    // MARK: errors

    private static let refusals: Set = [
        "TaskPromptPolicyViolation", "AuditSubmitIllegal", "CreationPolicyViolation",
    ]

    public func error(of reply: HTTPReply) -> KinoraError {
        let reason = (try? JSONParser.parse(reply.body))?["reason"]?.stringValue ?? ""
        return KinoraError(
            Self.kind(of: reason, reply.status), retryAfterSeconds: reply.retryAfterSeconds,
            detail: reply.excerpt)
    }

    private static func kind(of reason: String, _ status: Int) -> ErrorCode {
        switch (status, reason) {
        case (400..<500, _) where refusals.contains(reason): .contentRefused
        case (400..<500, "CreditInsufficient"): .upstreamMoney
        case (400, "OperationInProcess"): .upstreamRate
        case (429, "QuotaExceeded"): .upstreamConcurrency
        case (429, _): .upstreamRate
        case (401, _), (403, _): .upstreamCredential
        case (408, _), (499, _), (500..., _): .upstreamServer
        case (400..<500, _): .upstreamRequest
        default: .upstreamProtocol
        }
    }
}
