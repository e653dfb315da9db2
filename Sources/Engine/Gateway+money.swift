import Core
import Store

extension Gateway {
    /// Checks and prices a submission as `submit` does; keeps nothing.
    func estimate(_ submission: Submission, for caller: Caller) throws(KinoraError) -> Estimate {
        let task = try draft(of: submission, for: caller).task
        return Estimate(model: task.model, cost: task.price, quota: try store.quota(of: caller))
    }

    /// The quota whatever becomes of the submission: one that would be refused has no price.
    func credits(of submission: Submission, for caller: Caller) throws(KinoraError) -> Credits {
        let cost = try? draft(of: submission, for: caller).task.price
        return Credits(quota: try store.quota(of: caller), cost: cost, readAt: clock.now)
    }

    /// What no code looks like is not looked up, and does not count as a try: it tells nobody anything.
    func redeem(_ text: String, for caller: Caller) throws(KinoraError) -> Outcome {
        guard let code = RedemptionCode(text) else { throw KinoraError(.codeNotFound, field: "code") }
        let added = try store.redeem(codeHash: vault.hash(of: code), by: caller)
        return .redeemed(added, try store.quota(of: caller))
    }
}
