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
                ("Authorization", Secret("Bearer \(account.credential.revealed())")),
                ("X-Runway-Version", Secret(Self.version)), ("Accept", Secret("application/json")),
            ], body: body, timeoutSeconds: 30)
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        guard job.remixOf == nil else {
            throw KinoraError(
                .unsupportedByVendor, "This model cannot make remixes.", field: "remix_target_id")
        }
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
        var call = call(.post, path, account, files.body(fields))
        call.timeoutSeconds = Limits.submitSecondsMax
        call.isRepeatable = false
        return call
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
        guard let id = try Self.json(reply)["id"]?.stringValue, (1...512).contains(id.utf8.count) else {
            throw KinoraError(.upstreamProtocol, detail: "the accepted task has no id: \(reply.excerpt)")
        }
        return .ticket(id)
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
        let json = try Self.json(reply)
        switch json["status"]?.stringValue {
        case "PENDING", "THROTTLED": return .pending(percent: nil, isPostprocessing: false)
        case "RUNNING":
            let share = json["progress"]?.doubleValue.map { Int(max(0, min(1, $0)) * 100) }
            return .pending(percent: share, isPostprocessing: false)
        case "SUCCEEDED":
            let links = (json["output"]?.arrayValue ?? []).compactMap(\.stringValue).filter { !$0.isEmpty }
            guard !links.isEmpty else {
                return .failed(KinoraError(.upstreamEmptyResult, detail: reply.excerpt))
            }
            return .completed(links.map { VendorResult(.link($0)) })
        case "FAILED":
            let code = json["failureCode"]?.stringValue ?? ""
            let detail = "\(code): \(json["failure"]?.stringValue ?? "no reason given")"
            let isRefusal = code.hasPrefix("SAFETY")
            return .failed(KinoraError(isRefusal ? .contentRefused : .generationFailed, detail: detail))
        case "CANCELLED":
            return .failed(KinoraError(.generationFailed, detail: "cancelled at the vendor"))
        case let word:
            throw KinoraError(
                .upstreamProtocol, detail: "unknown status '\(word ?? "none")': \(reply.excerpt)")
        }
    }

    // MARK: the rest

    public func contentError(_ reply: HTTPReply) -> KinoraError? {
        switch reply.status {
        case 200: nil
        case 401, 403, 404, 410: KinoraError(.upstreamEmptyResult, detail: reply.excerpt)
        default: Self.error(reply)
        }
    }

    /// Ends a task in any state, which is then known no more.
    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? {
        task(.delete, ticket, account)
    }

    public func removal(of ticket: String, _ account: VendorAccount) -> HTTPCall? {
        task(.delete, ticket, account)
    }

    public func removalError(_ reply: HTTPReply) -> KinoraError? {
        switch reply.status {
        case 200..<300, 404: nil
        default: Self.error(reply)
        }
    }

    public func probe(_ account: VendorAccount) -> HTTPCall { call(.get, "/organization", account) }

    public func probeError(_ reply: HTTPReply) -> KinoraError? {
        do throws(KinoraError) {
            _ = try credits([reply])
            return nil
        } catch { return error }
    }

    public func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall] { [probe(account)] }

    /// A credit is a million micro-units.
    public func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64? {
        guard let balance = try Self.json(replies[0])["creditBalance"]?.doubleValue,
            (0...1e12).contains(balance)
        else {
            throw KinoraError(.upstreamProtocol, detail: "creditBalance is no amount: \(replies[0].excerpt)")
        }
        return Int64((balance * 1_000_000).rounded())
    }

    // MARK: errors

    private static func json(_ reply: HTTPReply) throws(KinoraError) -> JSON {
        guard (200..<300).contains(reply.status) else { throw error(reply) }
        do { return try JSONParser.parse(reply.body) } catch {
            throw KinoraError(.upstreamProtocol, detail: "\(error.message) \(reply.excerpt)")
        }
    }

    /// Errors have words and no codes.
    private static func error(_ reply: HTTPReply) -> KinoraError {
        let words = (try? JSONParser.parse(reply.body))?["error"]?.stringValue?.lowercased() ?? ""
        let kind: ErrorCode =
            switch reply.status {
            case 400 where words.contains("enough credits"): .upstreamMoney
            case 401, 403: .upstreamCredential
            case 429: .upstreamRate
            case 408, 500...: .upstreamServer
            case 400..<500: .upstreamRequest
            default: .upstreamProtocol
            }
        return KinoraError(kind, retryAfterSeconds: reply.retryAfterSeconds, detail: reply.excerpt)
    }
}
