import Core
import Store
import Upstream

/// Requests to text models, from the admission to the end of the answer.
final class Relays: Sendable {
    let store: Store
    let cache: SnapshotCache
    let vault: Vault
    let lines: CurlLines
    let events: any EventSink
    let paths: RelayPaths
    let meter: TokenMeter

    init(store: Store, cache: SnapshotCache, vault: Vault, lines: CurlLines, events: any EventSink) {
        self.store = store
        self.cache = cache
        self.vault = vault
        self.lines = lines
        self.events = events
        paths = RelayPaths(store)
        meter = TokenMeter(store, events: events)
    }

    /// Tokens that a request without a bound of its own is held for, where its model says nothing. More than
    /// is held nobody pays: it is what most models answer at most.
    private static let outputTokensMax: Int64 = 16_384

    /// What a request may cost at most.
    func most(_ request: RelayRequest, _ model: Model) -> Amount {
        let category = request.kind.category
        guard let prices = model.prices[category] else { return Amount(micros: 0) }
        let usual = model.rules[category]?.first { $0.name == "max_tokens" }?.defaultValue?.integerValue
        let output =
            request.kind == .chat
            ? (request.outputTokensMax.map(Int64.init) ?? usual ?? Self.outputTokensMax)
                * Int64(request.choices) : 0
        let most = prices.cost(of: TokenUsage(input: Int64(request.inputTokensMax), output: output))
        return min(most, .transferMax)
    }

    /// Holds what the request may cost at most, and counts it against the limits. Who has neither price nor
    /// limit costs no round trip.
    func admit(
        _ request: RelayRequest, _ model: Model, _ caller: Caller
    ) throws(KinoraError) -> (ticket: RelayTicket, allowance: Allowance?) {
        let prices = model.prices[request.kind.category]
        let most = most(request, model)
        guard caller.isLimited || most.micros > 0 else {
            return (RelayTicket(meter, caller, model, prices, row: nil), nil)
        }
        // Time for the last piece to get to who reads slowly, and a minute for the last statement: until then
        // nobody else ends it.
        let total = cache.snapshot.relayLimits.total.components.seconds
        let seconds = total + Int64(Limits.readerSilenceSecondsMax) + 60
        let (row, allowance) = try store.admitRelay(
            of: caller, model: model.id, holding: most, endsWithin: seconds)
        return (RelayTicket(meter, caller, model, prices, row: row), allowance)
    }

    /// Has one account after the other asked until one answers.
    func answer(
        _ request: RelayRequest, _ model: Model, _ ticket: RelayTicket, while wanted: LiveReply.Wanted
    ) throws(KinoraError) -> Outcome {
        let deadline = ContinuousClock.now + cache.snapshot.relayLimits.total
        var tried: Set<Int64> = []
        var refusal: KinoraError?
        while tried.count < Limits.accountsTriedMax,
            let path = try paths.enter(model: model.id, without: tried, version: cache.snapshot.version)
        {
            tried.insert(path.account.row)
            let attempt = RelayAttempt(self, request, path, ticket, deadline)
            do throws(KinoraError) { return try attempt.begin(while: wanted) } catch {
                attempt.fail(error)
                guard Self.isForAnother(error) else { throw error }
                refusal = error
            }
        }
        throw refusal ?? KinoraError(.noAccount, retryAfterSeconds: paths.retrySeconds(model: model.id))
    }

    /// Whether another account may do better: what is no matter of the request, and no matter of Kinora's.
    private static func isForAnother(_ error: KinoraError) -> Bool {
        error.code.accountFault != nil
            || [.unsupportedByVendor, .upstreamModelClosed].contains(error.code)
    }

    /// What an error says of an account, for all processes; this one heeds it at once.
    func blame(_ account: ClaimedAccount, _ error: KinoraError) {
        guard let blame = Blame(error, errorsMax: cache.snapshot.errorsMax) else { return }
        paths.noteFall(account.row)
        do throws(KinoraError) {
            if let fall = try store.blame(account, error, blame) {
                events.emit(.accountFell(account: account.row, fall, error))
            }
        } catch {
            if error.code != .databaseAway { events.emit(.fault("relay blame", error)) }
        }
    }
}
