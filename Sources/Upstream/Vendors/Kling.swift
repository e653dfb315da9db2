public import Core

/// Kling: its videos and pictures. The base URL is `https://api-singapore.klingai.com` or
/// `https://api-beijing.klingai.com`. A credential is an API key, or an access key, a colon and a secret key,
/// of which a token is made for each call.
///
/// It has two generations of routes. The newer one takes the models of the form `kling-3.0`, and API keys
/// only.
public struct Kling: Vendor {
    public init() {}

    public let name = "kling"
    public let pollInterval: ClosedRange<Duration> = .seconds(5) ... .seconds(15)
    public let usualSlots = 3

    /// Two pictures of 10 MB, as base64. The vendor bounds each picture and not the sum.
    static let bodyBytesMax: Int64 = 28 << 20

    /// A ticket says where its task is asked for: a path, and the vendor's own id.
    static let newer = "tasks"

    func call(
        _ method: Method, _ path: String, _ account: VendorAccount, _ body: HTTPCall.Body = .none
    ) -> HTTPCall {
        var call = HTTPCall(
            method, account.url(path), headers: [HTTPCall.acceptsJSON], body: body,
            timeoutSeconds: 30)
        if account.credential.revealed().contains(":") {
            let keys = AccessKeys(account.credential)
            call.signing = { _, now in
                [("Authorization", Secret("Bearer \(keys.token(at: now).revealed())"))]
            }
        } else {
            call.headers.append(account.authorization())
        }
        return call
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        let order = try KlingOrder(job)
        if order.isNewer, account.credential.revealed().contains(":") {
            throw KinoraError(
                .upstreamModelClosed, detail: "Kling makes \(job.model) for accounts with an API key only")
        }
        return call(.post, order.path, account, order.body).once
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        let json = try json(reply)
        if let error = Self.refusal(json, reply) { return .refused(error) }
        let data = json["data"] ?? .null
        guard let id = (data["task_id"] ?? data["id"])?.stringValue, (1...400).contains(id.utf8.count) else {
            throw KinoraError(.upstreamProtocol, detail: "the accepted task has no id: \(reply.excerpt)")
        }
        return .ticket(Self.ticket(id, of: job()))
    }

    private static func ticket(_ id: String, of job: VendorJob) -> String {
        "\(KlingOrder.home(of: job))/\(id)"
    }

    // MARK: poll

    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        let slash = ticket.lastIndex(of: "/") ?? ticket.startIndex
        let id = PercentCoding.encode(String(ticket[slash...].drop { $0 == "/" }))
        return call(.get, Self.path(to: id, in: String(ticket[..<slash]), by: "task_ids"), account)
    }

    private static func path(to id: String, in home: String, by name: String) -> String {
        home == newer ? "/tasks?\(name)=\(id)" : "/v1/\(home)/\(id)"
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        if reply.status == 404 { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let json = try json(reply)
        if let error = Self.refusal(json, reply) { throw error }
        let data = json["data"] ?? .null
        guard let tasks = data.arrayValue else {
            let task = data["task_result"] ?? .null
            let made = (task["videos"] ?? task["images"])?.arrayValue ?? []
            return try Self.progress(
                data["task_status"], "succeed", made, data["task_status_msg"], reply)
        }
        // One that it does not know is not in the list.
        guard let task = tasks.first else { throw KinoraError(.upstreamExpired, detail: reply.excerpt) }
        let made = (task["outputs"]?.arrayValue ?? []).filter { $0["type"] != "audio" }
        return try Self.progress(task["status"], "succeeded", made, task["message"], reply)
    }

    private static func progress(
        _ status: JSON?, _ success: String, _ made: [JSON], _ reason: JSON?, _ reply: HTTPReply
    ) throws(KinoraError) -> VendorProgress {
        switch status?.stringValue {
        case "submitted", "processing": return .pending(percent: nil, isPostprocessing: false)
        case success:
            return reply.completed(made.map { $0["url"]?.stringValue })
        case "failed":
            return .failed(
                KinoraError(.generationFailed, detail: reason?.stringValue ?? "no reason given"))
        case "cancelled":
            return .failed(KinoraError(.generationFailed, detail: "cancelled at the vendor"))
        case let word:
            throw reply.unknown(word)
        }
    }

    // MARK: after a submit without an answer

    /// Every task has our own id at the vendor, by which it can be asked for.
    public func lookUp(_ kind: MediaKind) -> (@Sendable (VendorJob, VendorAccount) -> HTTPCall)? {
        { job, account in
            let path = Self.path(
                to: PercentCoding.encode(job.token), in: KlingOrder.home(of: job), by: "external_task_ids")
            return call(.get, path, account)
        }
    }

    public func found(
        _ reply: HTTPReply, for job: VendorJob, _ account: VendorAccount
    ) throws(KinoraError) -> LookUpPage {
        guard reply.status != 404 else { return LookUpPage(candidates: [], nextPage: nil, isClear: true) }
        let json = try json(reply)
        if let error = Self.refusal(json, reply) { throw error }
        guard let data = json["data"], !data.isNull else {
            throw KinoraError(.upstreamProtocol, detail: "the look-up has no data: \(reply.excerpt)")
        }
        let ids = (data.arrayValue ?? [data]).compactMap { ($0["task_id"] ?? $0["id"])?.stringValue }
        return LookUpPage(
            candidates: ids.prefix(1).map { Self.ticket($0, of: job) }, nextPage: nil, isClear: true)
    }
}
