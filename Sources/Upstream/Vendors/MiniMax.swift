public import Core

/// MiniMax: Hailuo's videos, and pictures with the answer. The base URL is `https://api.minimax.io` or
/// `https://api.minimaxi.com`, without `/v1`.
///
/// It tells an address that is to be called back only to who answers a challenge, so it is given none.
public struct MiniMax: Vendor {
    public init() {}

    public let name = "minimax"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(15)
    public let usualSlots = 2

    /// Two pictures of 20 MB, as base64.
    private static let bodyBytesMax: Int64 = 54 << 20
    private static let ratios = ["16:9", "4:3", "1:1", "3:4", "9:16", "3:2", "2:3", "21:9"]

    private func get(_ path: String, _ account: VendorAccount) -> HTTPCall {
        HTTPCall(.get, account.url(path), headers: account.headers(), timeoutSeconds: 30)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        guard job.references.allSatisfy({ $0.type.family == .image }) else {
            throw Self.unsupported("anything but images")
        }
        let isPicture = [.t2i, .i2i].contains(job.category)
        var files = InlineReferences(of: job, bodyBytesMax: Self.bodyBytesMax)
        var fields: JSONObject = ["model": .string(job.model), "prompt": .string(job.prompt)]
        let own = isPicture ? try Self.picture(job, &files) : try Self.film(job, &files)
        for (name, value) in own.members { fields[name] = value }
        fields["aigc_watermark"] = false
        var call = HTTPCall(
            .post, account.url(isPicture ? "/v1/image_generation" : "/v1/video_generation"),
            headers: account.headers(), body: files.body(fields), timeoutSeconds: Limits.submitSecondsMax,
            isRepeatable: false)
        // The answer is the result, and takes as long as that does.
        if isPicture { call.mediaMembers = ["image_base64"] }
        return call
    }

    private static func unsupported(_ what: String) -> KinoraError {
        KinoraError(.unsupportedByVendor, "This model does not take \(what).", field: "references")
    }

    private static func film(
        _ job: VendorJob, _ files: inout InlineReferences
    ) throws(KinoraError) -> JSONObject {
        var fields: JSONObject = [:]
        let given = job.parameters
        if job.category == .ref2v {
            guard job.references.count == 1 else { throw unsupported("so many references") }
            let image = try files.dataURL(job.references[0])
            fields["subject_reference"] = [["type": "character", "image": [image]]]
        } else {
            guard job.references.count <= 2 else { throw unsupported("so many references") }
            for (name, reference) in zip(["first_frame_image", "last_frame_image"], job.references) {
                fields[name] = try files.dataURL(reference)
            }
        }
        let shape = given["size"]?.stringValue.flatMap { FrameShape($0, among: ratios) }
        fields["duration"] = given["seconds"]
        // Where others make 480 and 720 lines, it makes 512 and 768.
        fields["resolution"] =
            given["resolution"]?.stringValue.map { .string($0.uppercased()) }
            ?? shape.map { .string($0.level == 1080 ? "1080P" : $0.level == 720 ? "768P" : "512P") }
        return fields
    }

    private static func picture(
        _ job: VendorJob, _ files: inout InlineReferences
    ) throws(KinoraError) -> JSONObject {
        guard job.references.count <= 1 else { throw unsupported("so many references") }
        var fields: JSONObject = [:]
        let shape = job.parameters["size"]?.stringValue.flatMap { FrameShape($0, among: ratios) }
        fields["aspect_ratio"] = job.parameters["ratio"] ?? shape.map { .string($0.ratio) }
        fields["n"] = job.parameters["n"]
        fields["seed"] = job.parameters["seed"]
        fields["response_format"] = "url"
        if let reference = job.references.first {
            let image = try files.dataURL(reference)
            fields["subject_reference"] = [["type": "character", "image_file": image]]
        }
        return fields
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
        guard let id = json["task_id"].flatMap(Self.text), (1...512).contains(id.utf8.count) else {
            throw KinoraError(.upstreamProtocol, detail: "the accepted task has no id: \(reply.excerpt)")
        }
        return .ticket(id)
    }

    /// An id is a text there, and now and then a number.
    private static func text(_ id: JSON) -> String? {
        id.stringValue ?? id.integerValue.map { String($0) }
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        get("/v1/query/video_generation?task_id=\(PercentCoding.encode(ticket))", account)
    }

    /// A task that is done names a file, and the file's own page its address.
    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        let json = try json(reply)
        if let error = Self.refusal(json, reply) {
            // All that a poll says is the task's id.
            throw error.code == .upstreamRequest
                ? KinoraError(.upstreamExpired, detail: reply.excerpt) : error
        }
        if let file = json["file"] {
            return reply.completed([file["download_url"]?.stringValue])
        }
        switch json["status"]?.stringValue {
        case "Preparing", "Queueing", "Processing": return .pending(percent: nil, isPostprocessing: false)
        case "Success":
            guard let file = json["file_id"].flatMap(Self.text), !file.isEmpty else {
                return .failed(KinoraError(.upstreamEmptyResult, detail: reply.excerpt))
            }
            return .told(by: get("/v1/files/retrieve?file_id=\(PercentCoding.encode(file))", account))
        case "Fail", "Failed": return .failed(KinoraError(.generationFailed, detail: reply.excerpt))
        case let word:
            throw reply.unknown(word)
        }
    }

    // MARK: the rest

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
