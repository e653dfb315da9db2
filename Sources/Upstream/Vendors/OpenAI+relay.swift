public import Core

/// Text models: chat completions and embeddings (platform.openai.com/docs/api-reference/chat).
extension OpenAI {
    public func relay(_ request: RelayRequest, as model: String, _ account: VendorAccount) -> HTTPCall? {
        let path = request.kind == .chat ? "/chat/completions" : "/embeddings"
        let accepted = request.isStreamed ? "text/event-stream" : "application/json"
        return HTTPCall(
            .post, account.url(path), headers: [account.authorization(), ("Accept", Secret(accepted))],
            body: .jsonBytes(request.body(for: model)))
    }

    public func relayed(_ reply: HTTPReply) throws(KinoraError) -> TokenUsage? {
        guard (200..<300).contains(reply.status) else { throw refusal(reply) }
        let outline: JSONOutline
        do { outline = try JSONOutline(reply.body) } catch {
            throw KinoraError(.upstreamProtocol, detail: "\(error.message) \(reply.excerpt)")
        }
        if outline.has("error") { throw lateRefusal(reply) }
        guard outline.has("choices") || outline.has("data") else {
            throw KinoraError(.upstreamProtocol, detail: "no answer in it: \(reply.excerpt)")
        }
        return TokenUsage((try? outline.value("usage")) ?? nil)
    }

    private func refusal(_ reply: HTTPReply) -> KinoraError {
        let error = self.error(of: reply)
        switch error.code {
        // Another account may have the model, or the right address.
        case .upstreamRequest where [404, 405].contains(reply.status):
            return KinoraError(.unsupportedByVendor, detail: error.detail)
        case .upstreamRequest, .contentRefused:
            let said = (try? JSONParser.parse(reply.body))?["error"]
            return KinoraError(
                error.code, Self.words(said?["message"]?.stringValue),
                field: Self.field(said?["param"]?.stringValue), detail: error.detail)
        default: return error
        }
    }

    /// A failure that was found out when success had been said already.
    private func lateRefusal(_ reply: HTTPReply) -> KinoraError {
        let error = (try? JSONParser.parse(reply.body))?["error"]
        let words = [error?["code"], error?["type"]].compactMap { $0?.stringValue }
        let status = words.contains { $0.contains("rate_limit") } ? 429 : 400
        let judged = self.error(of: reply.with(status: status))
        let isTold =
            [.upstreamRate, .upstreamMoney, .contentRefused, .upstreamModelClosed].contains(judged.code)
            || judged.code == .upstreamRequest && words.contains("invalid_request_error")
        return isTold ? judged : KinoraError(.upstreamServer, detail: reply.excerpt)
    }

    /// The vendor's words about a request, for its client. What may tell of the account is left out: keys,
    /// addresses, and the ids of organisations, projects and requests. Nil: nothing is left.
    private static func words(_ message: String?) -> String? {
        guard let message, !message.isEmpty else { return nil }
        let plain = message.prefix(1000).split(separator: " ").map { word -> String in
            let isTelling = ["org-", "proj_", "req_", "user-", "acct", "://", "@"].contains(
                where: word.contains)
            return isTelling ? "***" : String(word)
        }
        return plain.joined(separator: " ").redacted
    }

    private static func field(_ param: String?) -> String? {
        guard let param, param.utf8.count <= 100, param.wholeMatch(of: /[A-Za-z0-9_.\[\]]+/) != nil else {
            return nil
        }
        return param
    }
}
