public import Core

/// Replicate: any of its models, which a route names as `owner/name`. The base URL is
/// `https://api.replicate.com/v1`.
public struct Replicate: Vendor {
    public init() {}

    public let name = "replicate"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(15)
    public let usualSlots = 4

    /// Data it takes for small files only.
    private static let dataBytesMax: Int64 = 256 << 10

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
        var input = try ModelInput(job)
        if ![.t2i, .i2i].contains(job.category) { input["duration"] = job.parameters["seconds"] }
        var media: [JSON] = []
        for reference in job.references {
            media.append(try input.media(reference, within: Self.dataBytesMax))
        }
        switch (job.category, media.count) {
        case (.t2v, 0), (.t2i, 0): break
        case (.i2v, 1): input["image"] = media[0]
        case (.i2v, 2):
            input["image"] = media[0]
            input["last_frame_image"] = media[1]
        case (.i2i, 1...): input["image_input"] = .array(media)
        case (.ref2v, 1...): input["reference_images"] = .array(media)
        default: throw ModelInput.unsupported()
        }
        var fields: JSONObject = ["input": .object(input.fields)]
        if let url = job.callbackURL {
            fields["webhook"] = .string(url)
            fields["webhook_events_filter"] = ["completed"]
        }
        let model = job.model.split(separator: "/").map { PercentCoding.encode(String($0)) }
        return call(
            .post, "/models/\(model.joined(separator: "/"))/predictions", account, input.files.body(fields)
        ).once
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        return try reply.ticket(json(reply)["id"])
    }

    // MARK: poll

    private func prediction(_ ticket: String) -> String { "/predictions/\(PercentCoding.encode(ticket))" }

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        call(.get, prediction(ticket), account)
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try json(reply)
        switch json["status"]?.stringValue {
        case "starting", "processing": return .pending(percent: nil, isPostprocessing: false)
        case "succeeded":
            let links = ModelInput.links(in: json["output"] ?? .null)
            return reply.completed(links)
        case "failed":
            let reason = json["error"]?.stringValue ?? "no reason given"
            // Models have no codes: they say it in words of their own.
            let words = ["nsfw", "sensitive", "safety", "moderat", "(e005)"]
            let isRefusal = words.contains { reason.lowercased().contains($0) }
            return .failed(KinoraError(isRefusal ? .contentRefused : .generationFailed, detail: reason))
        case "canceled", "aborted":
            return .failed(KinoraError(.generationFailed, detail: "cancelled at the vendor"))
        case let word:
            throw reply.unknown(word)
        }
    }

    public func usage(in reply: HTTPReply) -> JSON? { told("metrics", in: reply) }

    // MARK: after a submit without an answer

    public func lookUp(_ kind: MediaKind) -> (@Sendable (VendorJob, VendorAccount) -> HTTPCall)? {
        { _, account in call(.get, "/predictions", account) }
    }

    /// The list need not tell inputs, so a prediction that may be the job's is never taken for it. That there
    /// is none is certain where the list, newest first, is whole or reaches back.
    public func found(
        _ reply: HTTPReply, for job: VendorJob, _ account: VendorAccount
    ) throws(KinoraError) -> LookUpPage {
        let json = try json(reply)
        guard let rows = json["results"]?.arrayValue else {
            throw KinoraError(.upstreamProtocol, detail: "the list has no results: \(reply.excerpt)")
        }
        // Times are texts that sort. A minute of slack: the vendor's clock is not ours.
        let earliest = (job.startedAt + .seconds(-60)).iso8601
        let mayBeOurs = rows.contains { row in
            row["created_at"]?.stringValue ?? "~" >= earliest
                && row["model"]?.stringValue ?? job.model == job.model
        }
        let isWhole = json["next"].map(\.isNull) ?? false
        let reachesBack = rows.last.map { $0["created_at"]?.stringValue ?? "~" < earliest } ?? false
        return LookUpPage(candidates: [], nextPage: nil, isClear: !mayBeOurs && (isWhole || reachesBack))
    }

    // MARK: the rest

    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? {
        call(.post, "\(prediction(ticket))/cancel", account)
    }

    public func probe(_ account: VendorAccount) -> HTTPCall { call(.get, "/predictions", account) }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        _ = try reply.list(json(reply)["results"], of: "predictions")
    }

    // MARK: errors

    public func error(of reply: HTTPReply) -> KinoraError {
        let kind: ErrorCode =
            switch reply.status {
            // There is no such model, or it is somebody else's own.
            case 404: .upstreamModelClosed
            default: reply.kind
            }
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }
}
