public import Core

/// Zhipu (bigmodel.cn, z.ai): CogView's pictures, with the answer, CogVideoX's videos, and text models. The
/// base URL ends in `/api/paas/v4`.
public struct Zhipu: Vendor {
    public init() {}

    public let name = "zhipu"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(10)
    public let usualSlots = 3

    private static let bodyBytesMax: Int64 = 19 << 20

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        let isPicture = [.t2i, .i2i].contains(job.category)
        var files = InlineReferences(of: job, bodyBytesMax: Self.bodyBytesMax)
        var fields: JSONObject = ["model": .string(job.model), "prompt": .string(job.prompt)]
        let given = job.parameters
        fields["size"] = given["size"].flatMap { $0 == "auto" ? nil : $0 }
        fields["quality"] = given["quality"]
        if isPicture {
            guard job.references.isEmpty else { throw Self.unsupported() }
        } else {
            fields["duration"] = given["seconds"]
            fields["fps"] = given["fps"]
            fields["with_audio"] = given["audio"]
            fields["image_url"] = try Self.images(job, &files)
        }
        fields["watermark_enabled"] = false
        // It refuses the same id twice, so a submit that arrived is never made again.
        fields["request_id"] = .string(job.token)
        var call = HTTPCall(
            .post, account.url(isPicture ? "/images/generations" : "/videos/generations"),
            headers: account.headers(), body: files.body(fields), timeoutSeconds: Limits.submitSecondsMax,
            isRepeatable: false)
        // The answer is the result, and takes as long as that does.
        if isPicture { call.mediaMembers = ["b64_json"] }
        return call
    }

    private static func unsupported() -> KinoraError {
        KinoraError(.unsupportedByVendor, "This model does not take these references.", field: "references")
    }

    /// One picture by itself, a first and a last one as a list.
    private static func images(_ job: VendorJob, _ files: inout InlineReferences) throws(KinoraError) -> JSON?
    {
        guard job.references.count <= 2, job.references.allSatisfy({ $0.type.family == .image }) else {
            throw unsupported()
        }
        var images: [JSON] = []
        for reference in job.references { images.append(try files.dataURL(reference)) }
        return images.count > 1 ? .array(images) : images.first
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        let json = try json(reply)
        if let error = Self.refusal(json, reply) { return .refused(error) }
        if let pictures = json["data"]?.arrayValue {
            let links = pictures.compactMap { $0["url"]?.stringValue }.filter { !$0.isEmpty }
            guard !links.isEmpty else {
                return .refused(KinoraError(.upstreamEmptyResult, detail: reply.excerpt))
            }
            return .made(links.map { VendorResult(.link($0)) })
        }
        if json["task_status"] == "FAIL" { return .refused(Self.failure(json, reply)) }
        return try reply.ticket(json["id"])
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        HTTPCall(
            .get, account.url("/async-result/\(PercentCoding.encode(ticket))"), headers: account.headers(),
            timeoutSeconds: 30)
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try json(reply)
        if let error = Self.refusal(json, reply), json["task_status"] == nil { throw error }
        switch json["task_status"]?.stringValue {
        case "PROCESSING": return .pending(percent: nil, isPostprocessing: false)
        case "SUCCESS":
            let made = (json["video_result"] ?? json["image_result"])?.arrayValue ?? []
            let links = made.compactMap { $0["url"]?.stringValue }.filter { !$0.isEmpty }
            return reply.completed(links)
        case "FAIL": return .failed(Self.failure(json, reply))
        case let word:
            throw reply.unknown(word)
        }
    }

    /// A failure need not say why.
    private static func failure(_ json: JSON, _ reply: HTTPReply) -> KinoraError {
        let isRefusal = json["error"]?["code"].map(text) == "1301"
        return KinoraError(isRefusal ? .contentRefused : .generationFailed, detail: reply.excerpt)
    }

    // MARK: the rest

    /// A task that nobody has: a good key is told so, and a wrong one is refused before.
    public func probe(_ account: VendorAccount) -> HTTPCall { poll("kinora-probe", account) }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        do throws(KinoraError) {
            if let error = Self.refusal(try json(reply), reply) { throw error }
        } catch {
            // That there is no such task was to be expected.
            guard error.code == .upstreamRequest else { throw error }
        }
    }

    // MARK: text models

    public func relay(_ request: RelayRequest, as model: String, _ account: VendorAccount) -> HTTPCall? {
        TextModels.relay(request, as: model, account, at: account.url(""))
    }

    public func relayed(_ reply: HTTPReply) throws(KinoraError) -> TokenUsage? {
        try TextModels.relayed(reply, error(of:))
    }

    // MARK: errors

    /// A code is a text there, and now and then a number.
    private static func text(_ code: JSON) -> String { code.stringValue ?? code.text }

    public func error(of reply: HTTPReply) -> KinoraError {
        let code = (try? JSONParser.parse(reply.body))?["error"]?["code"].map(Self.text) ?? ""
        let kind = Self.kind(of: code) ?? reply.kind
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }

    /// An error in a reply that calls itself a success.
    private static func refusal(_ json: JSON, _ reply: HTTPReply) -> KinoraError? {
        guard let error = json["error"], !error.isNull else { return nil }
        let kind = error["code"].map(text).flatMap(kind) ?? .upstreamRequest
        return KinoraError(kind, detail: reply.excerpt)
    }

    private static func kind(of code: String) -> ErrorCode? {
        switch Int(code) ?? 0 {
        case 1000...1004, 1110...1112, 1120, 1121: .upstreamCredential
        case 1113: .upstreamMoney
        case 1301: .contentRefused
        case 1302: .upstreamConcurrency
        // 1304, 1308 and 1310: what is free for a day or a time is used up, and comes back by itself.
        case 1303, 1304, 1305, 1308, 1310, 1312: .upstreamRate
        case 1234, 500: .upstreamServer
        // There is no such model for this account, or no right to it.
        case 1211, 1220: .upstreamModelClosed
        case 1210...1222, 1231, 1261: .upstreamRequest
        default: nil
        }
    }
}
