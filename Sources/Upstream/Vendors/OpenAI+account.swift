public import Core

/// The account itself. OpenAI tells no ordinary key what credit it has; one-api, new-api and their kin do, in
/// the form of OpenAI's former billing pages.
extension OpenAI {
    public func probe(_ account: VendorAccount) -> HTTPCall {
        HTTPCall(.get, account.url("/models"), headers: account.headers(), timeoutSeconds: 30)
    }

    public func probed(_ reply: HTTPReply) throws(KinoraError) {
        _ = try reply.list(json(reply)["data"], of: "models")
    }

    public func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall] {
        guard !account.baseURL.hasPrefix("https://api.openai.com/") else { return [] }
        return ["subscription", "usage"].map {
            HTTPCall(
                .get, account.url("/dashboard/billing/\($0)"), headers: account.headers(), timeoutSeconds: 30)
        }
    }

    /// How those services write that a key has no limit.
    private static let unlimitedDollars = 100_000_000.0

    /// A dollar is a million micro-units.
    public func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64? {
        let limit = try number("hard_limit_usd", in: replies[0])
        let used = try number("total_usage", in: replies[1]) / 100
        guard limit < Self.unlimitedDollars else { return nil }
        return replies[0].credits(max(limit - used, 0))
    }

    private func number(_ name: String, in reply: HTTPReply) throws(KinoraError) -> Double {
        if [404, 405, 501].contains(reply.status) {
            throw KinoraError(
                .unsupportedByVendor, "The service does not tell what credit it has.", detail: reply.excerpt)
        }
        return try reply.amount(json(reply)[name], name)
    }
}
