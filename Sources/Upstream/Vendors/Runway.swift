public import Core

/// Runway: Gen-4's videos and pictures. The base URL is `https://api.dev.runwayml.com`, without `/v1`.
public struct Runway: Vendor {
    public init() {}

    public let name = "runway"
    public let pollInterval: ClosedRange<Duration> = .seconds(5) ... .seconds(15)
    public let usualSlots = 2

    private static let version = "2024-11-06"
    /// Pictures go as data up to 5 MB each, and larger ones by address.
    private static let dataBytesMax: Int64 = 5_000_000
    private static let bodyBytesMax: Int64 = 20 << 20

    private func call(
        _ method: Method, _ path: String, _ account: VendorAccount, _ body: HTTPCall.Body = .none
    ) -> HTTPCall {
        HTTPCall(
            method, account.url("/v1\(path)"),
            headers: [
                account.authorization(), ("X-Runway-Version", Secret(Self.version)), HTTPCall.acceptsJSON,
            ], body: body, timeoutSeconds: 30)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        guard job.references.allSatisfy({ $0.type.family == .image }) else {
            throw Self.unsupported("anything but images")
        }
        var files = InlineReferences(of: job, bodyBytesMax: Self.bodyBytesMax)
        var images: [JSON] = []
        for reference in job.references { images.append(try Self.image(reference, &files)) }
        let given = job.parameters
        var fields: JSONObject = ["model": .string(job.model), "promptText": .string(job.prompt)]
        // Its ratios are sizes.
        fields["ratio"] = given["size"]?.stringValue.map { .string($0.replacing("x", with: ":")) }
        fields["seed"] = given["seed"]
        let path: String
        switch (job.category, images.count) {
        case (.t2i, 0): path = "/text_to_image"
        case (.i2i, 1...3):
            path = "/text_to_image"
            fields["referenceImages"] = .array(images.map { ["uri": $0] })
        case (.t2v, 0):
            path = "/text_to_video"
            fields["duration"] = given["seconds"]
        case (.i2v, 1):
            path = "/image_to_video"
            fields["promptImage"] = images[0]
            fields["duration"] = given["seconds"]
        default: throw Self.unsupported("these references")
        }
        return call(.post, path, account, files.body(fields)).once
    }

    private static func unsupported(_ what: String) -> KinoraError {
        KinoraError(.unsupportedByVendor, "This model does not take \(what).", field: "references")
    }

    private static func image(
        _ reference: VendorReference, _ files: inout InlineReferences
    ) throws(KinoraError) -> JSON {
        let isSmall = (reference.bytes + 2) / 3 * 4 + 100 <= dataBytesMax
        return isSmall ? try files.dataURL(reference) : try reference.address()
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        return try reply.ticket(json(reply)["id"])
    }

    // MARK: poll

    private func task(_ method: Method, _ ticket: String, _ account: VendorAccount) -> HTTPCall {
        call(method, "/tasks/\(PercentCoding.encode(ticket))", account)
    }

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall { task(.get, ticket, account) }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try json(reply)
        switch json["status"]?.stringValue {
        case "PENDING", "THROTTLED": return .pending(percent: nil, isPostprocessing: false)
        case "RUNNING":
            let share = json["progress"]?.doubleValue.map { Int(max(0, min(1, $0)) * 100) }
            return .pending(percent: share, isPostprocessing: false)
        case "SUCCEEDED":
            return reply.completed((json["output"]?.arrayValue ?? []).map(\.stringValue))
        case "FAILED":
            let code = json["failureCode"]?.stringValue ?? ""
            let detail = "\(code): \(json["failure"]?.stringValue ?? "no reason given")"
            // Of the input, of the output, or of the input as it was being prepared.
            let isRefusal = code.hasPrefix("SAFETY") || code.contains(".SAFETY")
            return .failed(KinoraError(isRefusal ? .contentRefused : .generationFailed, detail: detail))
        case "CANCELLED":
            return .failed(KinoraError(.generationFailed, detail: "cancelled at the vendor"))
        case let word:
            throw reply.unknown(word)
        }
    }

    public func usage(in reply: HTTPReply) -> JSON? { told("cost", in: reply) }

    // MARK: the rest

    public func contentError(_ reply: HTTPReply) -> KinoraError? {
        switch reply.status {
        case 200: nil
        case 401, 403, 404, 410: KinoraError(.upstreamEmptyResult, detail: reply.excerpt)
        default: error(of: reply)
        }
    }

    /// Ends a task in any state, which is then known no more.
    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? {
        task(.delete, ticket, account)
    }

    public func removal(of ticket: String, _ account: VendorAccount) -> HTTPCall? {
        task(.delete, ticket, account)
    }

    public func probe(_ account: VendorAccount) -> HTTPCall { call(.get, "/organization", account) }

    public func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall] { [probe(account)] }

    /// A credit is a million micro-units.
    public func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64? {
        let balance = try replies[0].amount(json(replies[0])["creditBalance"], "creditBalance")
        return replies[0].credits(balance)
    }

    // MARK: errors

    /// Errors have words and no codes.
    public func error(of reply: HTTPReply) -> KinoraError {
        let words = (try? JSONParser.parse(reply.body))?["error"]?.stringValue?.lowercased() ?? ""
        let kind: ErrorCode =
            switch reply.status {
            case 400 where words.contains("enough credits"): .upstreamMoney
            default: reply.kind
            }
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }
}
