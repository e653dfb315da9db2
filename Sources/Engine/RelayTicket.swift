import Core
import Store
import Synchronization

/// A request to a text model that was admitted. It ends once; who forgets to end it has it released.
final class RelayTicket: Sendable {
    private let meter: TokenMeter
    private let caller: Caller
    private let model: String
    private let prices: PriceList?
    /// The row that holds the money or counts against a limit; nil: there is none.
    private let row: Int64?
    private let hasEnded = Atomic<Bool>(false)

    init(_ meter: TokenMeter, _ caller: Caller, _ model: Model, _ prices: PriceList?, row: Int64?) {
        self.meter = meter
        self.caller = caller
        self.model = model.id
        self.prices = prices
        self.row = row
    }

    deinit { end(used: nil, by: nil, isWhole: false) }

    /// `used` is paid for; nil: nothing is. `account` answered last. `isWhole`: the client has the whole
    /// answer.
    func end(used: TokenUsage?, by account: Int64?, isWhole: Bool) {
        guard hasEnded.exchange(true, ordering: .acquiringAndReleasing) == false else { return }
        let count = RelayCount(
            succeeded: isWhole ? 1 : 0, failed: isWhole ? 0 : 1,
            tokens: used ?? TokenUsage(input: 0, output: 0))
        guard let row else {
            let place = RelayCount.Place(
                user: caller.userID, key: caller.keyID, model: model, account: account)
            return meter.note(count, at: place)
        }
        let cost = used.flatMap { prices?.cost(of: $0) } ?? Amount(micros: 0)
        meter.end(TokenMeter.Owed(row: row, cost: cost, account: account, count: count))
    }
}
