import Core

/// Text models of vendors that have them as OpenAI has, with refusals of their own.
enum TextModels {
    private static let spoken = OpenAI()

    /// The base URL is what stands before `/chat/completions`.
    static func relay(
        _ request: RelayRequest, as model: String, _ account: VendorAccount, at baseURL: String
    ) -> HTTPCall? {
        let place = VendorAccount(
            row: account.row, baseURL: baseURL, credential: account.credential, proxyURL: account.proxyURL)
        return spoken.relay(request, as: model, place)
    }

    /// As `Vendor.relayed`. `error`: what the vendor's own table makes of a refusal. Where that is the
    /// client's doing, the client is told the vendor's words, which have OpenAI's form.
    static func relayed(
        _ reply: HTTPReply, _ error: (HTTPReply) -> KinoraError
    ) throws(KinoraError) -> TokenUsage? {
        guard !(200..<300).contains(reply.status) else { return try late(reply, error) }
        let error = error(reply)
        guard [.upstreamRequest, .contentRefused].contains(error.code) else { throw error }
        do throws(KinoraError) { return try spoken.relayed(reply) } catch let told {
            let isTold = told.message != told.code.facts.message
            throw KinoraError(
                error.code, isTold ? told.message : nil, field: told.field, detail: error.detail)
        }
    }

    /// A success, or a failure that was found out when success had been said already. Then no status tells
    /// what it is, but the vendor's table may.
    private static func late(
        _ reply: HTTPReply, _ error: (HTTPReply) -> KinoraError
    ) throws(KinoraError) -> TokenUsage? {
        do throws(KinoraError) { return try spoken.relayed(reply) } catch let plain {
            let sure: [ErrorCode] = [
                .contentRefused, .upstreamRate, .upstreamConcurrency, .upstreamMoney, .upstreamModelClosed,
            ]
            let judged = [400, 500].map { error(reply.with(status: $0)) }
            if sure.contains(judged[0].code) { throw judged[0] }
            // With this status only a code of the table is anything else.
            throw judged[1].code == .upstreamRequest ? judged[1] : plain
        }
    }
}
