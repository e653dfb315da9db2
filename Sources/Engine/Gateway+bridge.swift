import Core
import Store
import Upstream

/// What the operator's bridge does for an upstream account.
extension Gateway {
    /// Asks it about the account of that row, or about the first that will do.
    func ask(
        _ question: BridgeQuestion, account row: Int64?, for caller: Caller, _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        guard caller.isOperator || !question.isForOperators && row == nil else {
            throw KinoraError(
                .forbidden, "Only a key of an operator may ask this of an account.",
                field: question.isForOperators ? nil : "token_id")
        }
        let line = try bridgeLine()
        guard patience.mayWait else { return .needsPatience }
        var accounts = try store.bridgeAccounts(row, family: Self.bridgedFamily)
        guard !accounts.isEmpty else {
            throw KinoraError(.accountNotFound, field: row.map { _ in "token_id" })
        }
        // Each account gives its codes away in turn.
        if case .inviteCode = question { accounts.shuffle() }
        do throws(KinoraError) {
            let reply = try line.reply(to: line.bridge.call(question, of: accounts), for: caller.userID)
            return .bridged(question, try line.bridge.answer(reply, to: question), account: row)
        } catch { throw error.replacing(line.bridge.peer.credential) }
    }

    /// Whose accounts the bridge knows.
    static let bridgedFamily = "sora"

    func bridgeLine() throws(KinoraError) -> BridgeLine {
        guard let bridge else {
            throw KinoraError(
                .notSupported,
                "This needs a bridge, and none is set up here: the operator sets KINORA_BRIDGE_URL.")
        }
        return bridge
    }
}
