public import Core

/// The llmage platform, and whatever else speaks its API (another Kinora). Source: that platform's document.
/// The base URL is what stands before `/llmage`.
public struct Llmage: Vendor {
    public init() {}

    public let name = "llmage"
    public let pollInterval: ClosedRange<Duration> = .seconds(2) ... .seconds(20)

    private func get(_ path: String, _ account: VendorAccount) -> HTTPCall {
        HTTPCall(.get, account.url("/llmage/v1\(path)"), headers: account.headers(), timeoutSeconds: 30)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        guard [.t2i, .t2v, .i2v, .ref2v].contains(job.category) else {
            throw KinoraError(
                .unsupportedByVendor, "This model does not take these references.", field: "references")
        }
        let fields = Self.fields(of: job)
        let body: HTTPCall.Body =
            job.references.isEmpty
            ? .json(.object(fields))
            : .multipart(
                fields.members.map { .text(name: $0.name, value: $0.value.stringValue ?? $0.value.text) }
                    + (try Self.files(of: job)))
        return HTTPCall(
            .post, account.url("/llmage/v1/\(job.category == .t2i ? "image" : "video")/generations"),
            headers: account.headers() + [("Idempotency-Key", Secret(job.token))], body: body,
            timeoutSeconds: Limits.submitSecondsMax, isRepeatable: false)
    }

    private static func fields(of job: VendorJob) -> JSONObject {
        let given = job.parameters
        var fields: JSONObject = [
            "model": .string(job.model), "catelogid": .string(job.category.rawValue),
            "prompt": .string(job.prompt),
        ]
        fields["duration"] = given["seconds"]
        fields["ratio"] = given["ratio"]
        fields["negative_prompt"] = given["negative_prompt"]
        fields["size"] = given["size"]?.stringValue.map { .string($0.replacing("x", with: "*")) }
        // HappyHorse's are written with a capital letter there, and all the others are not.
        fields["resolution"] = given["resolution"]?.stringValue.map {
            .string(job.model.hasPrefix("happyhorse") ? $0.uppercased() : $0)
        }
        if given[Parameters.offPeak] != nil { fields[Parameters.offPeak] = given.isOffPeak ? "Y" : "N" }
        return fields
    }

    /// The document has three spellings of a video's first and last picture, each for other models.
    private static func frames(of model: String) -> [String] {
        if model.hasPrefix("happyhorse") { return ["image_file"] }
        if ["doubao-seedance-2", "dreamina-seedance-2"].contains(where: model.hasPrefix) {
            return ["image1_file", "image2_file"]
        }
        return ["image_file1", "image_file2"]
    }

    private static func files(of job: VendorJob) throws(KinoraError) -> [HTTPCall.Part] {
        let frames = frames(of: job.model)
        var parts: [HTTPCall.Part] = []
        for (index, reference) in job.references.enumerated() {
            let name: String
            if job.category == .ref2v {
                name = "\(reference.type.family.rawValue)_files"
            } else {
                guard reference.type.family == .image, index < frames.count else {
                    throw KinoraError(
                        .unsupportedByVendor, "This model does not take these references.",
                        field: "references")
                }
                name = frames[index]
            }
            parts.append(
                .file(
                    name: name, path: reference.path,
                    filename: "\(reference.type.family.rawValue)\(index + 1).\(reference.type.fileExtension)",
                    type: reference.type))
        }
        return parts
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        let json = try answer(reply)
        if let error = Self.refusal(json, reply) { return .refused(error) }
        return try reply.ticket(json["taskid"])
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        get("/tasks?taskid=\(PercentCoding.encode(ticket))", account)
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try answer(reply)
        switch json["status"]?.stringValue {
        case "CREATED", "PENDING", "RUNNING": return .pending(percent: nil, isPostprocessing: false)
        case "SUCCEEDED":
            // A video's `image` is its cover.
            let links = ["video", "image"].compactMap { json[$0]?.stringValue }.filter { !$0.isEmpty }
            guard let link = links.first else {
                throw KinoraError(.upstreamEmptyResult, detail: reply.excerpt)
            }
            guard let target = WebAddress.target(of: link, from: account.url("/")) else {
                throw KinoraError(.upstreamProtocol, detail: "the result's address is none: \(reply.excerpt)")
            }
            return .completed([VendorResult(.link(target))])
        case "FAILED":
            let words = json["error"]?.stringValue ?? ""
            return .failed(
                KinoraError(
                    VendorWords.tellRefusal(words) ? .contentRefused : .generationFailed,
                    detail: reply.excerpt))
        case let word:
            if let error = Self.refusal(json, reply) { throw error }
            throw reply.unknown(word)
        }
    }

    // MARK: the rest

    public func probe(_ account: VendorAccount) -> HTTPCall { get("/models", account) }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        _ = try reply.list(answer(reply)["data"], of: "models")
    }

    public func relay(_ request: RelayRequest, as model: String, _ account: VendorAccount) -> HTTPCall? {
        guard request.kind == .chat else { return nil }
        return TextModels.relay(request, as: model, account, at: account.url("/llmage/v1"))
    }

    public func relayed(_ reply: HTTPReply) throws(KinoraError) -> TokenUsage? {
        try TextModels.relayed(reply, error(of:))
    }

    // MARK: errors

    /// The document's answers are plain; the platform's own code puts them into an envelope.
    private func answer(_ reply: HTTPReply) throws(KinoraError) -> JSON {
        let json = try json(reply)
        guard let inner = json["data"], json["status"] == "ok", inner.objectValue != nil else { return json }
        return inner
    }

    /// An error in a reply that calls itself a success.
    private static func refusal(_ json: JSON, _ reply: HTTPReply) -> KinoraError? {
        guard let words = json["error"]?.stringValue else { return nil }
        return KinoraError(
            kind(of: 400, words), retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }

    public func error(of reply: HTTPReply) -> KinoraError {
        let json = try? JSONParser.parse(reply.body)
        let words = json?["error"]?.stringValue ?? json?["error"]?["message"]?.stringValue ?? ""
        return KinoraError(
            Self.kind(of: reply.status, words), retryAfterSeconds: reply.retryAfterSeconds,
            detail: reply.excerpt)
    }

    /// It has one text for each error, and says 429 of an empty purse. The document says 401 of a wrong key,
    /// the platform's own code 403.
    private static func kind(of status: Int, _ words: String) -> ErrorCode {
        switch status {
        case 401, 403: .upstreamCredential
        case 402: .upstreamMoney
        case 400..<500 where VendorWords.tellPoverty(words): .upstreamMoney
        case 429 where words.lowercased().contains("queue"): .upstreamConcurrency
        case 429: .upstreamRate
        case 400..<500 where VendorWords.tellRefusal(words): .contentRefused
        case 408, 500...: .upstreamServer
        case 400..<500 where words.hasPrefix("Model not found"): .upstreamModelClosed
        case 400..<500: .upstreamRequest
        default: .upstreamProtocol
        }
    }
}
