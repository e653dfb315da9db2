public import Core

/// Services that speak OpenAI's videos and images APIs (platform.openai.com/docs/api-reference/videos).
/// OpenAI itself ended that of videos in September 2026; gateways and sister projects go on. The base URL
/// ends in `/v1`.
public struct OpenAI: Vendor {
    public init() {}

    public let name = "openai"
    public let pollInterval: ClosedRange<Duration> = .milliseconds(800) ... .seconds(20)

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        if [.t2i, .i2i].contains(job.category) { return try draw(job, account) }
        let headers = account.headers() + [("Idempotency-Key", Secret(job.token))]
        func call(_ path: String, _ body: HTTPCall.Body) -> HTTPCall {
            HTTPCall(
                .post, account.url(path), headers: headers, body: body,
                timeoutSeconds: Int(Limits.submitSecondsMax),
                isRepeatable: false)
        }
        if let source = job.remixOf {
            return call(
                "/videos/\(PercentCoding.encode(source))/remix", .json(["prompt": .string(job.prompt)]))
        }
        // The API wants seconds as text; a number is refused.
        var fields: [(name: String, value: String)] = [("model", job.model), ("prompt", job.prompt)]
        if let seconds = job.parameters["seconds"]?.integerValue {
            fields.append(("seconds", String(seconds)))
        }
        if let size = job.parameters["size"]?.stringValue { fields.append(("size", size)) }
        if let style = job.parameters["style"]?.stringValue { fields.append(("style_id", style)) }
        guard let reference = job.references.first else {
            return call("/videos", .json(.object(JSONObject(fields.map { ($0.name, .string($0.value)) }))))
        }
        guard job.references.count == 1, reference.type.family == .image else {
            throw KinoraError(
                .unsupportedByVendor, "This model takes one reference image.", field: "input_reference")
        }
        let file = HTTPCall.Part.file(
            name: "input_reference", path: reference.path,
            filename: "reference.\(reference.type.fileExtension)",
            type: reference.type)
        return call("/videos", .multipart(fields.map { .text(name: $0.name, value: $0.value) } + [file]))
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        let json = try json(reply)
        if let pictures = json["data"]?.arrayValue { return .made(try Self.made(pictures, reply)) }
        return try reply.ticket(json["id"]?.stringValue == nil ? json["task_id"] : json["id"])
    }

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        HTTPCall(
            .get, account.url("/videos/\(PercentCoding.encode(ticket))"), headers: account.headers(),
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
        case "queued", "pending": return .pending(percent: percent, isPostprocessing: false)
        case "in_progress", "processing": return .pending(percent: percent, isPostprocessing: false)
        case "completed":
            let call = HTTPCall(
                .get, account.url("/videos/\(PercentCoding.encode(ticket))/content"),
                headers: [account.authorization()], timeoutSeconds: 600)
            return .completed([VendorResult(.call(call))])
        case "failed", "cancelled", "expired": return .failed(Self.failure(json["error"]))
        case let word:
            throw reply.unknown(word)
        }
    }

    public func lookUp(_ kind: MediaKind) -> (@Sendable (VendorJob, VendorAccount) -> HTTPCall)? {
        guard kind == .video else { return nil }
        return { _, account in list(account, after: nil) }
    }

    private func list(_ account: VendorAccount, after id: String?) -> HTTPCall {
        let cursor = id.map { "&after=\(PercentCoding.encode($0))" } ?? ""
        return HTTPCall(
            .get, account.url("/videos?limit=100&order=desc\(cursor)"), headers: account.headers(),
            timeoutSeconds: 30)
    }

    public func found(
        _ reply: HTTPReply, for job: VendorJob, _ account: VendorAccount
    ) throws(KinoraError) -> LookUpPage {
        let json = try json(reply)
        guard let videos = json["data"]?.arrayValue else {
            throw KinoraError(.upstreamProtocol, detail: "the list has no data: \(reply.excerpt)")
        }
        // A minute of slack: the vendor's clock is not ours.
        let earliest = job.startedAt.seconds - 60
        let likeness = videos.map { Self.likeness(of: $0, to: job, since: earliest) }
        let matching = zip(videos, likeness).filter { $0.1 == .same }.compactMap { $0.0["id"]?.stringValue }
        let reachesBack = videos.last?["created_at"]?.integerValue.map { $0 < earliest } ?? true
        let hasMore = json["has_more"]?.boolValue ?? (videos.count >= 100)
        let last = videos.last?["id"]?.stringValue
        return LookUpPage(
            candidates: matching.reversed(),
            nextPage: hasMore && !reachesBack ? last.map { list(account, after: $0) } : nil,
            isClear: !likeness.contains(.unclear))
    }

    private enum Likeness { case same, different, unclear }

    /// Services differ in what a list tells: a field that is missing proves nothing.
    private static func likeness(of video: JSON, to job: VendorJob, since earliest: Int64) -> Likeness {
        if let created = video["created_at"]?.integerValue, created < earliest { return .different }
        guard video["id"]?.stringValue != nil else { return .unclear }
        func compare(_ field: String, _ wanted: String?) -> Likeness {
            guard let wanted else { return .same }
            guard let value = video[field], !value.isNull else { return .unclear }
            return (value.stringValue ?? value.text) == wanted ? .same : .different
        }
        // A model may come back under its dated name, or under one that a gateway maps it to: only the same
        // name says anything.
        let model = video["model"]?.stringValue ?? ""
        let isDated = model.hasPrefix(job.model + "-2")
        var parts = [
            compare("prompt", job.prompt), model == job.model || isDated ? .same : .unclear,
        ]
        if let source = job.remixOf {
            parts.append(compare("remixed_from_video_id", source))
        } else {
            parts.append(video["remixed_from_video_id"]?.stringValue == nil ? .same : .different)
            parts.append(compare("seconds", job.parameters["seconds"]?.integerValue.map(String.init)))
            parts.append(compare("size", job.parameters["size"]?.stringValue))
        }
        if parts.contains(.different) { return .different }
        return parts.contains(.unclear) ? .unclear : .same
    }

    public func contentError(_ reply: HTTPReply) -> KinoraError? {
        switch reply.status {
        case 200: nil
        case 404, 410: KinoraError(.upstreamEmptyResult, detail: reply.excerpt)
        default: error(of: reply)
        }
    }

    /// OpenAI deletes only what has ended, and refuses the rest; services that can stop a task do it so.
    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? {
        removal(of: ticket, account)
    }

    public func removal(of ticket: String, _ account: VendorAccount) -> HTTPCall? {
        HTTPCall(
            .delete, account.url("/videos/\(PercentCoding.encode(ticket))"), headers: account.headers(),
            timeoutSeconds: 30)
    }

    /// A task that the vendor says has failed.
    private static func failure(_ error: JSON?) -> KinoraError {
        let code = error?["code"]?.stringValue ?? ""
        let detail = "\(code): \(error?["message"]?.stringValue ?? "no message")"
        return isContentRefusal(code)
            ? KinoraError(.contentRefused, detail: detail)
            : KinoraError(.generationFailed, detail: detail)
    }

    private static func isContentRefusal(_ code: String) -> Bool {
        code.contains("content_policy") || code.contains("moderation")
    }

    /// The class of an error reply (contracts: OpenAI error codes). Only 429 and 503 are certain refusals
    /// that may be retried; 429 for money must not be.
    public func error(of reply: HTTPReply) -> KinoraError {
        let json = try? JSONParser.parse(reply.body)
        // new-api's videos have it without the object around.
        let error = json?["error"]?.objectValue == nil ? json : json?["error"]
        // Gateways put the word that tells into either.
        let words = [error?["code"], error?["type"]].compactMap { $0?.stringValue }
        let said = error?["message"]?.stringValue ?? ""
        let detail = reply.excerpt
        let after = reply.retryAfterSeconds
        let isOfCaller = (400..<500).contains(reply.status)
        // new-api says so with 503, of a key whose group has no channel for the model.
        let isRefused = isOfCaller || reply.status == 503
        switch reply.status {
        case 402: return KinoraError(.upstreamMoney, detail: detail)
        case _ where isOfCaller && words.contains(where: Self.isAboutMoney):
            return KinoraError(.upstreamMoney, detail: detail)
        case _ where isOfCaller && (words + [said]).contains(where: Self.isContentRefusal):
            return KinoraError(.contentRefused, detail: detail)
        case _ where isRefused && words.contains("model_not_found"):
            return KinoraError(.upstreamModelClosed, detail: detail)
        case 403 where reply.isPage: return KinoraError(.upstreamProtocol, detail: detail)
        // one-api and its kin: the key is good, and what it may spend is spent.
        case 401, 403:
            return KinoraError(
                VendorWords.tellPoverty(said) ? .upstreamMoney : .upstreamCredential, detail: detail)
        case 429 where words.contains { $0.contains("concurren") }:
            return KinoraError(.upstreamConcurrency, retryAfterSeconds: after, detail: detail)
        case 429: return KinoraError(.upstreamRate, retryAfterSeconds: after, detail: detail)
        case 408, 500...: return KinoraError(.upstreamServer, retryAfterSeconds: after, detail: detail)
        case _ where isOfCaller: return KinoraError(.upstreamRequest, detail: detail)
        default: return KinoraError(.upstreamProtocol, detail: detail)
        }
    }

    /// insufficient_quota (OpenAI), insufficient_user_quota and pre_consume_token_quota_failed (new-api),
    /// insufficient_credits, billing_… .
    private static func isAboutMoney(_ code: String) -> Bool {
        let kinds = ["quota", "balance", "credit", "fund"]
        return code.hasPrefix("billing_") || code.hasPrefix("pre_consume_token_quota")
            || code.hasPrefix("insufficient_") && kinds.contains(where: code.contains)
    }
}
