import Core
import Store
import Synchronization
import Upstream

/// One try of a request to a text model, on one account.
final class RelayAttempt: Sendable {
    private let relays: Relays
    private let request: RelayRequest
    private let path: RelayPath
    private let ticket: RelayTicket
    private let deadline: ContinuousClock.Instant
    private let hasLeft = Atomic<Bool>(false)

    init(
        _ relays: Relays, _ request: RelayRequest, _ path: RelayPath, _ ticket: RelayTicket,
        _ deadline: ContinuousClock.Instant
    ) {
        self.relays = relays
        self.request = request
        self.path = path
        self.ticket = ticket
        self.deadline = deadline
    }

    deinit { leave() }

    private func leave() {
        if hasLeft.exchange(true, ordering: .relaxed) == false { relays.paths.leave(path) }
    }

    /// Sends the request, and gives the answer when it is there: whole, or with its first event.
    func begin(while wanted: LiveReply.Wanted) throws(KinoraError) -> Outcome {
        let vendor = try Vendors.named(path.account.vendor)
        let account = try relays.vault.opened(path.account)
        guard var call = vendor.relay(request, as: path.vendorModel, account) else {
            throw KinoraError(.unsupportedByVendor, detail: "\(vendor.name) has no text models")
        }
        let (firstByte, idle, total) = relays.cache.snapshot.relayLimits
        let limits = LiveReply.Limits(
            // What is answered whole begins when all of it is there: a model that thinks is not a dead one.
            firstByte: request.isStreamed ? firstByte : total, idle: idle, deadline: deadline)
        // The limits above end it; this is for a curl that does not come back to them.
        call.timeoutSeconds = Int(total.inSeconds) + 5
        do throws(KinoraError) {
            let reply = try relays.lines.open(call, to: account, within: limits, while: wanted)
            guard request.isStreamed, (200..<300).contains(reply.status) else {
                return .relayed(try whole(reply, vendor))
            }
            return .relaying(try stream(reply, vendor))
        } catch { throw error.ofAccountsAddress.replacing(account.credential) }
    }

    private func whole(_ reply: LiveReply, _ vendor: any Vendor) throws(KinoraError) -> [UInt8] {
        let isGood = (200..<300).contains(reply.status)
        let body = try reply.rest(bytesMax: isGood ? Limits.relayReplyBytesMax : Limits.refusalBytesMax)
        let told = try vendor.relayed(reply.whole(body))
        succeed(told ?? likely(output: request.kind == .chat ? Self.tokensLikely(in: body) : 0))
        return body
    }

    /// What the texts of a whole answer usually have, without what stands around them.
    private static func tokensLikely(in body: [UInt8]) -> Int64 {
        let choices = (try? JSONParser.parse(body))?["choices"]?.arrayValue ?? []
        let bytes = choices.compactMap { $0["message"] }.reduce(0) { sum, message in
            let calls = (message["tool_calls"]?.arrayValue ?? []).compactMap { $0["function"]?["arguments"] }
            let texts = [message["content"], message["reasoning_content"]].compactMap(\.self) + calls
            return sum + texts.reduce(0) { $0 + ($1.stringValue?.utf8.count ?? 0) }
        }
        return Int64((bytes + 3) / 4)
    }

    private func stream(_ reply: LiveReply, _ vendor: any Vendor) throws(KinoraError) -> BodyStream {
        let type = reply.headers["content-type"] ?? ""
        guard type.lowercased().hasPrefix("text/event-stream") else {
            // An answer of another kind may be a refusal that says success.
            let body = try reply.rest(bytesMax: Limits.refusalBytesMax)
            _ = try vendor.relayed(reply.whole(body))
            throw KinoraError(.upstreamProtocol, detail: "events were asked for, \(type.prefix(100)) came")
        }
        let stream = RelayStream(self, reply, vendor, ChatStream(wantsUsage: request.wantsUsage))
        try stream.begin()
        return BodyStream(next: stream.next, abandon: stream.abandon)
    }

    /// What was probably used, where the upstream does not say.
    func likely(output: Int64) -> TokenUsage {
        TokenUsage(input: Int64(request.inputTokensLikely), output: output)
    }

    /// The client has, or is about to have, the whole answer.
    func succeed(_ used: TokenUsage) {
        leave()
        ticket.end(used: used, by: path.account.row, isWhole: true)
        guard path.hasErrors else { return }
        // Not the client's to wait for, and the next success does it as well.
        try? relays.store.clear(path.account)
    }

    /// The client left in the middle: what was used by then is paid for.
    func end(used: TokenUsage) {
        leave()
        ticket.end(used: used, by: path.account.row, isWhole: false)
    }

    /// Nothing was answered, or not to the end, and that was not the client's doing.
    func fail(_ error: KinoraError) {
        leave()
        if error.code == .clientGone { return end(used: likely(output: 0)) }
        relays.blame(path.account, error)
    }

    /// The same for an answer that had begun: there is no other try.
    func failInTheMiddle(_ error: KinoraError) {
        fail(error)
        ticket.end(used: nil, by: path.account.row, isWhole: false)
    }
}
