public import Core

/// Gateways to OpenArt's videos, and whatever else speaks their API (another Kinora below `/openart`).
/// Source: that gateway's document. The base URL is what stands before `/api`.
public struct OpenArt: Vendor {
    public init() {}

    public let name = "openart"
    public let pollInterval: ClosedRange<Duration> = .seconds(2) ... .seconds(20)
    public let usualSlots = 6

    private func headers(_ account: VendorAccount) -> [HTTPCall.Header] {
        [("X-API-Key", account.credential), HTTPCall.acceptsJSON]
    }

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        var fields = JSONObject([("prompt", .string(job.prompt))])
        if let seconds = job.parameters["seconds"]?.integerValue { fields["duration"] = .integer(seconds) }
        if let ratio = job.parameters["ratio"] { fields["aspect_ratio"] = ratio }
        func call(_ path: String, _ body: HTTPCall.Body) -> HTTPCall {
            HTTPCall(
                .post, account.url(path),
                headers: headers(account) + [("Idempotency-Key", Secret(job.token))],
                body: body, timeoutSeconds: Limits.submitSecondsMax, isRepeatable: false)
        }
        guard !job.references.isEmpty else { return call("/api/generate", .json(.object(fields))) }
        var parts = fields.members.map { name, value in
            HTTPCall.Part.text(name: name, value: value.stringValue ?? value.text)
        }
        // The marks in the prompt count pictures and sounds apart, each in the order in which they come.
        for (family, field) in [(MediaType.Family.image, "image_files"), (.audio, "audio_files")] {
            for (index, reference) in job.references.filter({ $0.type.family == family }).enumerated() {
                parts.append(
                    .file(
                        name: field, path: reference.path,
                        filename: "\(family.rawValue)\(index + 1).\(reference.type.fileExtension)",
                        type: reference.type))
            }
        }
        guard !job.references.contains(where: { $0.type.family == .video }) else {
            throw KinoraError(
                .unsupportedByVendor, "This model takes no reference videos.", field: "references")
        }
        return call("/api/generate-with-file", .multipart(parts))
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        return try reply.ticket(json(reply)["task_id"])
    }

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        HTTPCall(
            .get, account.url("/api/task/\(PercentCoding.encode(ticket))"), headers: headers(account),
            timeoutSeconds: 30)
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 || reply.status == 410 {
            throw KinoraError(.upstreamExpired, detail: reply.excerpt)
        }
        let json = try json(reply)
        let percent = json["progress"]?.doubleValue.map { Int(max(0, min(100, $0))) }
        switch json["status"]?.stringValue {
        case "pending", "generating": return .pending(percent: percent, isPostprocessing: false)
        case "upscaling": return .pending(percent: percent, isPostprocessing: true)
        case "done":
            let urls = ["url_720p", "url_480p"].compactMap { json[$0]?.stringValue }
            guard let url = urls.first(where: { !$0.isEmpty }) else {
                throw KinoraError(.upstreamEmptyResult, detail: reply.excerpt)
            }
            guard let target = WebAddress.target(of: url, from: account.url("/")) else {
                throw KinoraError(.upstreamProtocol, detail: "the result's address is none: \(reply.excerpt)")
            }
            return .completed([VendorResult(.link(target))])
        case "failed": return .failed(Self.failure(json["error_msg"]?.stringValue ?? ""))
        case let word:
            throw reply.unknown(word)
        }
    }

    /// The document has no codes: all there is are words.
    private static func failure(_ words: String) -> KinoraError {
        VendorWords.tellRefusal(words)
            ? KinoraError(.contentRefused, detail: words) : KinoraError(.generationFailed, detail: words)
    }

    public func lookUp(_ kind: MediaKind) -> (@Sendable (VendorJob, VendorAccount) -> HTTPCall)? {
        { _, account in
            HTTPCall(
                .get, account.url("/api/tasks?limit=500"), headers: headers(account), timeoutSeconds: 30)
        }
    }

    /// The document's tasks tell no prompt: one from after the submit may be it, and nobody knows. Kinora's
    /// do.
    public func found(
        _ reply: HTTPReply, for job: VendorJob, _ account: VendorAccount
    ) throws(KinoraError) -> LookUpPage {
        let tasks = try reply.list(json(reply), of: "tasks")
        // A minute of slack: the vendor's clock is not ours.
        let recent = tasks.filter { ($0["created_at"]?.integerValue ?? .max) >= job.startedAt.seconds - 60 }
        let areTold = recent.allSatisfy { task in
            ["id", "prompt"].allSatisfy { task[$0]?.stringValue != nil }
        }
        let isClear = areTold && recent.count < 500
        let matching = recent.filter { $0["prompt"]?.stringValue == job.prompt }
        return LookUpPage(
            candidates: matching.reversed().compactMap { $0["id"]?.stringValue }, nextPage: nil,
            isClear: isClear)
    }

    public func probe(_ account: VendorAccount) -> HTTPCall {
        HTTPCall(.get, account.url("/api/stats"), headers: headers(account), timeoutSeconds: 30)
    }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        guard try json(reply)["pool"]?.objectValue == nil else { return }
        throw KinoraError(.upstreamProtocol, detail: "the stats have no pool: \(reply.excerpt)")
    }

    public func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall] {
        [HTTPCall(.get, account.url("/api/credits"), headers: headers(account), timeoutSeconds: 30)]
    }

    /// A credit is a million micro-units. Where a video costs none, as at a Kinora without prices, having
    /// none is no lack.
    public func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64? {
        if [404, 405, 501].contains(replies[0].status) {
            throw KinoraError(
                .unsupportedByVendor, "The service does not tell what credit it has.",
                detail: replies[0].excerpt)
        }
        let json = try json(replies[0])
        if json["credits_per_video"]?.doubleValue == 0 { return nil }
        let total = try replies[0].amount(json["grand_total"], "grand_total")
        return replies[0].credits(total)
    }

    /// 429 means that slots and waiting line are full, 503 that it has no account that could work. A Kinora
    /// says more by its code.
    public func error(of reply: HTTPReply) -> KinoraError {
        let json = try? JSONParser.parse(reply.body)
        let code = json?["error"]?["code"]?.stringValue ?? ""
        let detail = reply.excerpt
        switch (reply.status, code) {
        case (402, _), (_, "insufficient_quota"): return KinoraError(.upstreamMoney, detail: detail)
        case (_, "content_policy_violation"): return KinoraError(.contentRefused, detail: detail)
        case (400, _) where VendorWords.tellRefusal(json?["detail"]?.stringValue ?? ""):
            return KinoraError(.contentRefused, detail: detail)
        case (401, _), (403, _): return KinoraError(.upstreamCredential, detail: detail)
        case (429, "rate_limit_exceeded"):
            return KinoraError(.upstreamRate, retryAfterSeconds: reply.retryAfterSeconds, detail: detail)
        case (429, _):
            return KinoraError(
                .upstreamConcurrency, retryAfterSeconds: reply.retryAfterSeconds, detail: detail)
        case (408, _), (500..., _):
            return KinoraError(.upstreamServer, retryAfterSeconds: reply.retryAfterSeconds, detail: detail)
        case (400..<500, _): return KinoraError(.upstreamRequest, detail: detail)
        default: return KinoraError(.upstreamProtocol, detail: detail)
        }
    }
}
