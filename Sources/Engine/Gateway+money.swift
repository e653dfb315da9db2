public import Core
import Store

extension Gateway {
    /// Checks the words of a command as it would be when it is done, and prices it; keeps nothing. What is
    /// given beside the words is not looked at, and neither limits nor quota refuse it. Nil: it has no price.
    public func estimate(_ command: Command, for caller: Caller) throws(KinoraError) -> Estimate? {
        switch command {
        case .submit(let submission): return try estimate(submission, for: caller)
        case .relay(let request):
            let model = try model(for: request, caller)
            if let submission = try media(of: request, with: model) {
                return try estimate(chat: submission, with: model, for: caller)
            }
            guard cache.snapshot.serves(model) else { throw KinoraError(.noAccount) }
            return try estimate(of: model.id, cost: relays.most(request, model), for: caller)
        default: return nil
        }
    }

    private func estimate(_ submission: Submission, for caller: Caller) throws(KinoraError) -> Estimate {
        let task = try draft(of: submission, for: caller).task
        return try estimate(of: task.model, cost: task.price, for: caller)
    }

    /// A character costs nothing, and may be all that is wanted.
    private func estimate(
        chat: Submission, with model: Model, for caller: Caller
    ) throws(KinoraError) -> Estimate {
        var submission = chat
        if Self.takeCharacter(from: &submission, model) != nil {
            _ = try bridgeLine()
            guard !submission.prompt.allSatisfy(\.isWhitespace) else {
                return try estimate(of: model.id, cost: Amount(micros: 0), for: caller)
            }
        }
        return try estimate(submission, for: caller)
    }

    private func estimate(
        of model: String, cost: Amount, for caller: Caller
    ) throws(KinoraError) -> Estimate {
        Estimate(model: model, cost: cost, quota: try store.quota(of: caller))
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
