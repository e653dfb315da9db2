public import Core

/// Zhipu (bigmodel.cn, z.ai): CogView's pictures, with the answer, CogVideoX's videos, and text models. The
/// base URL ends in `/api/paas/v4`.
public struct Zhipu: Vendor {
    public init() {}

    public let name = "zhipu"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(10)
    public let usualSlots = 3

    private static let bodyBytesMax: Int64 = 19 << 20

    private func headers(_ account: VendorAccount) -> [(name: String, value: Secret)] {
        [
            ("Authorization", Secret("Bearer \(account.credential.revealed())")),
            ("Accept", Secret("application/json")),
        ]
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        guard job.remixOf == nil else {
            throw KinoraError(
                .unsupportedByVendor, "This model cannot make remixes.", field: "remix_target_id")
        }
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
            headers: headers(account), body: files.body(fields), timeoutSeconds: Limits.submitSecondsMax,
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
        let json = try Self.json(reply)
        if let error = Self.refusal(json, reply) { return .refused(error) }
        if let pictures = json["data"]?.arrayValue {
            let links = pictures.compactMap { $0["url"]?.stringValue }.filter { !$0.isEmpty }
            guard !links.isEmpty else {
                return .refused(KinoraError(.upstreamEmptyResult, detail: reply.excerpt))
            }
            return .made(links.map { VendorResult(.link($0)) })
        }
        if json["task_status"] == "FAIL" { return .refused(Self.failure(json, reply)) }
        guard let id = json["id"]?.stringValue, (1...512).contains(id.utf8.count) else {
            throw KinoraError(.upstreamProtocol, detail: "the accepted task has no id: \(reply.excerpt)")
        }
        return .ticket(id)
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        HTTPCall(
            .get, account.url("/async-result/\(PercentCoding.encode(ticket))"), headers: headers(account),
            timeoutSeconds: 30)
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try Self.json(reply)
        if let error = Self.refusal(json, reply), json["task_status"] == nil { throw error }
        switch json["task_status"]?.stringValue {
        case "PROCESSING": return .pending(percent: nil, isPostprocessing: false)
        case "SUCCESS":
            let made = (json["video_result"] ?? json["image_result"])?.arrayValue ?? []
            let links = made.compactMap { $0["url"]?.stringValue }.filter { !$0.isEmpty }
            guard !links.isEmpty else {
                return .failed(KinoraError(.upstreamEmptyResult, detail: reply.excerpt))
            }
            return .completed(links.map { VendorResult(.link($0)) })
        case "FAIL": return .failed(Self.failure(json, reply))
        case let word:
            throw KinoraError(
                .upstreamProtocol, detail: "unknown status '\(word ?? "none")': \(reply.excerpt)")
        }
    }

    /// A failure need not say why.
    private static func failure(_ json: JSON, _ reply: HTTPReply) -> KinoraError {
        let isRefusal = json["error"]?["code"].map(text) == "1301"
        return KinoraError(isRefusal ? .contentRefused : .generationFailed, detail: reply.excerpt)
    }

    // MARK: the rest

    public func contentError(_ reply: HTTPReply) -> KinoraError? {
        switch reply.status {
        case 200: nil
        case 403, 404, 410: KinoraError(.upstreamEmptyResult, detail: reply.excerpt)
        default: Self.error(reply)
        }
    }

    /// A task that nobody has: a good key is told so, and a wrong one is refused before.
    public func probe(_ account: VendorAccount) -> HTTPCall { poll("kinora-probe", account) }

    public func probeError(_ reply: HTTPReply) -> KinoraError? {
        do throws(KinoraError) {
            let json = try Self.json(reply)
            return Self.refusal(json, reply).flatMap { Self.isAboutTask($0) ? nil : $0 }
        } catch { return Self.isAboutTask(error) ? nil : error }
    }

    private static func isAboutTask(_ error: KinoraError) -> Bool { error.code == .upstreamRequest }

    // MARK: text models

    public func relay(_ request: RelayRequest, as model: String, _ account: VendorAccount) -> HTTPCall? {
        TextModels.relay(request, as: model, account, at: account.url(""))
    }

    public func relayed(_ reply: HTTPReply) throws(KinoraError) -> TokenUsage? {
        try TextModels.relayed(reply, Self.error)
    }

    // MARK: errors

    private static func json(_ reply: HTTPReply) throws(KinoraError) -> JSON {
        guard (200..<300).contains(reply.status) else { throw error(reply) }
        do { return try JSONParser.parse(reply.body) } catch {
            throw KinoraError(.upstreamProtocol, detail: "\(error.message) \(reply.excerpt)")
        }
    }

    /// A code is a text there, and now and then a number.
    private static func text(_ code: JSON) -> String { code.stringValue ?? code.text }

    private static func error(_ reply: HTTPReply) -> KinoraError {
        let code = (try? JSONParser.parse(reply.body))?["error"]?["code"].map(text) ?? ""
        let kind = kind(of: code) ?? kind(of: reply.status)
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

    private static func kind(of status: Int) -> ErrorCode {
        switch status {
        case 401, 403: .upstreamCredential
        case 402: .upstreamMoney
        case 429: .upstreamRate
        case 408, 500...: .upstreamServer
        case 400..<500: .upstreamRequest
        default: .upstreamProtocol
        }
    }
}
