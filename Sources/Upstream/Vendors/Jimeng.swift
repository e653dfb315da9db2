public import Core

/// Jimeng as Volcengine's visual service sells it: its videos and pictures. The base URL is
/// `https://visual.volcengineapi.com`; a credential is an access key, a colon and a secret key, with which
/// each call is signed as it leaves.
public struct Jimeng: Vendor {
    public init() {}

    public let name = "jimeng"
    public let pollInterval: ClosedRange<Duration> = .seconds(3) ... .seconds(10)
    public let usualSlots = 1

    private static let version = "2022-08-31"

    private func call(_ action: String, _ body: HTTPCall.Body, _ account: VendorAccount) -> HTTPCall {
        let query = [("Action", action), ("Version", Self.version)]
        var call = HTTPCall(
            .post, account.url("/?\(query.map { "\($0)=\($1)" }.joined(separator: "&"))"),
            headers: [HTTPCall.acceptsJSON], body: body, timeoutSeconds: 30)
        let keys = AccessKeys(account.credential)
        let (host, path) = Self.place(account.url("/"))
        call.signing = { hash, now in
            let signature = SignatureV4(
                .volcengine, accessKey: keys.id, secret: keys.secret, region: "cn-north-1", service: "cv")
            let own = [("X-Date", SignatureV4.moment(now)), ("X-Content-Sha256", hash)]
            let request = SignatureV4.Request(
                method: .post, path: path, query: query.map { (name: $0, value: $1) },
                headers: [("content-type", "application/json"), ("host", host)]
                    + own.map { ($0.0.lowercased(), $0.1) }, payload: hash)
            return own.map { ($0.0, Secret($0.1)) }
                + [("Authorization", signature.authorization(of: request, at: now))]
        }
        return call
    }

    /// Host and path of an address. A port that goes without saying is not said.
    private static func place(_ url: String) -> (host: String, path: String) {
        let pieces = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard pieces.count == 4 else { return ("", "/") }
        var host = pieces[2]
        if let port = [":443", ":80"].first(where: host.hasSuffix) { host.removeLast(port.count) }
        return (String(host), "/\(pieces[3])")
    }

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        try job.refuseRemix()
        return call("CVSync2AsyncSubmitTask", try JimengOrder(job).body, account).once
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        let json = try Self.envelope(reply)
        if let error = Self.refusal(json, reply) {
            // A server's fault may have come after the task was taken.
            guard (200..<300).contains(reply.status) || error.code != .upstreamServer else { throw error }
            return .refused(error)
        }
        guard let id = json["data"]?["task_id"]?.stringValue, (1...400).contains(id.utf8.count),
            !id.utf8.contains(where: [UInt8(ascii: ","), UInt8(ascii: "?")].contains)
        else {
            throw KinoraError(.upstreamProtocol, detail: "the accepted task has no id: \(reply.excerpt)")
        }
        let job = job()
        let before = if let ticket = job.ticket { JimengTicket(ticket) } else { try JimengTicket(of: job) }
        return .ticket(before.adding(id).text)
    }

    public func parts(of ticket: String) -> VendorParts? {
        let ticket = JimengTicket(ticket)
        guard ticket.asked > 1 else { return nil }
        return VendorParts(
            earlier: ticket.earlier.map(\.text), done: ticket.done.map(\.text),
            asking: ticket.isWhole ? nil : ticket.asking.text)
    }

    // MARK: poll

    /// What was submitted last is asked for; everything before it is done.
    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall {
        let ticket = JimengTicket(ticket)
        return call(
            "CVSync2AsyncGetResult", Self.question(ticket.ids.last ?? "", of: ticket.service), account)
    }

    private static func question(_ id: String, of key: String) -> HTTPCall.Body {
        // A text that holds JSON.
        let wishes: JSON = ["return_url": true]
        return .json([
            "req_key": .string(key), "task_id": .string(id), "req_json": .string(wishes.text),
        ])
    }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        let json = try Self.envelope(reply)
        let data = json["data"] ?? .null
        let status = data["status"]?.stringValue
        if let error = Self.refusal(json, reply) {
            // What is done has failed for good, and so has what the review refused.
            guard status == "done" || error.code == .contentRefused else { throw error }
            return .failed(
                error.code == .contentRefused
                    ? error : KinoraError(.generationFailed, detail: reply.excerpt))
        }
        switch status {
        case "in_queue", "generating": return .pending(percent: nil, isPostprocessing: false)
        case "done":
            let pictures = (data["image_urls"]?.arrayValue ?? []).compactMap(\.stringValue)
            return reply.completed([data["video_url"]?.stringValue] + pictures)
        case "not_found", "expired": return .failed(KinoraError(.upstreamExpired, detail: reply.excerpt))
        case let word:
            throw reply.unknown(word)
        }
    }

    // MARK: the rest

    /// Asks for a task that there is not: it lists none, and has nothing else that is free.
    public func probe(_ account: VendorAccount) -> HTTPCall {
        call("CVSync2AsyncGetResult", Self.question("0", of: "jimeng_t2v_v30"), account)
    }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        let json = try Self.envelope(reply)
        guard json["code"]?.integerValue != nil else {
            throw KinoraError(.upstreamProtocol, detail: "the answer has no code: \(reply.excerpt)")
        }
        // That there is no such task was to be expected.
        if let error = Self.refusal(json, reply), error.code != .upstreamRequest { throw error }
    }
}
