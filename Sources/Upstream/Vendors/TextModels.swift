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
        guard !(200..<300).contains(reply.status) else { return try spoken.relayed(reply) }
        let error = error(reply)
        guard [.upstreamRequest, .contentRefused].contains(error.code) else { throw error }
        do throws(KinoraError) { return try spoken.relayed(reply) } catch let told {
            let isTold = told.message != told.code.facts.message
            throw KinoraError(
                error.code, isTold ? told.message : nil, field: told.field, detail: error.detail)
        }
    }
}
