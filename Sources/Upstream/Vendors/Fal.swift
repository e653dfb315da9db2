public import Core

/// fal's queue: any of its models, which a route names by the path of its endpoint. The base URL is
/// `https://queue.fal.run`; a credential is `ID:SECRET`.
public struct Fal: Vendor {
    public init() {}

    public let name = "fal"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(15)
    public let usualSlots = 2

    private func call(
        _ method: Method, _ path: String, _ account: VendorAccount, _ body: HTTPCall.Body = .none
    ) -> HTTPCall {
        HTTPCall(
            method, account.url("/\(path)"), headers: account.headers("Key"), body: body,
            timeoutSeconds: 30)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        var input = try ModelInput(job)
        let given = job.parameters
        if [.t2i, .i2i].contains(job.category) {
            input["num_images"] = given["n"]
        } else {
            // Lengths are texts to most of its models, some with a unit: a route's own name says which.
            input["duration"] = given["seconds"].map { .string($0.text) }
        }
        var media: [JSON] = []
        for reference in job.references { media.append(try input.media(reference)) }
        switch (job.category, media.count) {
        case (.t2v, 0), (.t2i, 0): break
        case (.i2v, 1), (.i2i, 1): input["image_url"] = media[0]
        case (.i2v, 2):
            input["image_url"] = media[0]
            input["tail_image_url"] = media[1]
        case (.i2i, 2...), (.ref2v, 1...): input["image_urls"] = .array(media)
        default: throw ModelInput.unsupported()
        }
        let query = job.callbackURL.map { "?fal_webhook=\(PercentCoding.encode($0))" } ?? ""
        return call(.post, job.model + query, account, input.files.body(input.fields)).once
    }

    /// A ticket is where the request is: its model's owner and name, without what follows them, and its id.
    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        guard let id = try json(reply)["request_id"]?.stringValue,
            id.wholeMatch(of: /[A-Za-z0-9_-]{1,128}/) != nil
        else {
            throw KinoraError(.upstreamProtocol, detail: "the accepted task has no id: \(reply.excerpt)")
        }
        let parts = job().model.split(separator: "/")
        // Two kinds of models have a place of their own before their owner.
        let count = ["workflows", "comfy"].contains(parts.first) ? 3 : 2
        return .ticket("\(parts.prefix(count).joined(separator: "/"))/requests/\(id)")
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        call(.get, "\(Self.path(ticket))/status", account)
    }

    private static func path(_ ticket: String) -> String {
        ticket.split(separator: "/").map { PercentCoding.encode(String($0)) }.joined(separator: "/")
    }

    /// What is completed is asked for apart: then the reply is the model's output, or what it failed with.
    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        switch reply.status {
        case 404: throw KinoraError(.upstreamExpired, detail: reply.excerpt)
        case 400, 422:
            let error = self.error(of: reply)
            return .failed(
                error.code == .contentRefused
                    ? error : KinoraError(.generationFailed, detail: reply.excerpt))
        // The model's own failure; those of what stands before it have no type.
        case 500 where reply.headers["x-fal-error-type"] != nil:
            return .failed(KinoraError(.generationFailed, detail: reply.excerpt))
        default: break
        }
        let json = try json(reply)
        if let output = ["video", "videos", "images", "image"].lazy.compactMap({ json[$0] }).first {
            let links = ModelInput.links(in: output)
            return reply.completed(links)
        }
        switch json["status"]?.stringValue {
        case "IN_QUEUE", "IN_PROGRESS": return .pending(percent: nil, isPostprocessing: false)
        case "COMPLETED":
            guard let error = json["error"], !error.isNull else {
                return .told(by: call(.get, Self.path(ticket), account))
            }
            let type = json["error_type"]?.stringValue ?? ""
            return .failed(
                KinoraError(
                    Self.isRefusal(type) ? .contentRefused : .generationFailed, detail: reply.excerpt))
        case let word:
            throw reply.unknown(word)
        }
    }

    // MARK: the rest

    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? {
        call(.put, "\(Self.path(ticket))/cancel", account)
    }

    /// Asks for a request that there is not.
    public func probe(_ account: VendorAccount) -> HTTPCall {
        poll("fal-ai/flux/requests/00000000-0000-0000-0000-000000000000", account)
    }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        guard reply.status != 404, try json(reply)["status"]?.stringValue == nil else { return }
        throw KinoraError(.upstreamProtocol, detail: "the answer has no status: \(reply.excerpt)")
    }

    // MARK: errors

    private static func isRefusal(_ type: String) -> Bool { type == "content_policy_violation" }

    /// `detail` is a text, or a list of what is wrong with the input.
    public func error(of reply: HTTPReply) -> KinoraError {
        let detail = (try? JSONParser.parse(reply.body))?["detail"] ?? .null
        let types = (detail.arrayValue ?? []).compactMap { $0["type"]?.stringValue }
        let words = detail.stringValue?.lowercased() ?? ""
        let kind: ErrorCode =
            switch reply.status {
            case 400, 422: types.contains(where: Self.isRefusal) ? .contentRefused : .upstreamRequest
            // An account that has used its credit up is locked.
            case 403 where words.contains("balance"): .upstreamMoney
            case 404: .upstreamModelClosed
            default: reply.kind
            }
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }
}
