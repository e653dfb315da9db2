import Core
import Store
import Synchronization
import Upstream

/// Tells vendors to forget what clients deleted. The table `removal` remembers it until they have: nothing
/// here is lost with the process, and asking twice does no harm.
extension Worker {
    /// A vendor that never agrees is asked for some hours.
    private static let triesMax = 10

    func removeDeleted() throws(KinoraError) {
        let room = choreRoom
        guard room > 0, !isDraining.load(ordering: .relaxed) else { return }
        for removal in try store.claimRemovals(limit: room) {
            do throws(KinoraError) {
                let account = try vault.opened(removal.account)
                let vendor = try vendor(of: removal.account)
                guard let call = vendor.removal(of: removal.vendorTask, account) else {
                    try store.removalDone(removal.row)
                    continue
                }
                beginChore()
                transport.send(call, to: account, into: .memory(bytesMax: Limits.vendorReplyBytesMax)) {
                    [self] in inbox.put(.removal(removal, $0))
                }
            } catch {
                if error.code == .databaseAway { throw error }
                try failed(removal, error)
            }
        }
    }

    func settle(_ removal: Removal, _ result: Result<HTTPReply, TransportFailure>) {
        do throws(KinoraError) {
            switch result {
            case .failure(let failure): try failed(removal, failure.error)
            case .success(let reply):
                if let error = try vendor(of: removal.account).removalError(reply) {
                    try failed(removal, error)
                } else {
                    try store.removalDone(removal.row)
                }
            }
        } catch {
            // It stays in its table, and its next try is due by itself.
            events.emit(.removalFailed(attempt: removal.row, tries: removal.tries, error))
        }
    }

    private func failed(_ removal: Removal, _ error: KinoraError) throws(KinoraError) {
        let error = scrubbed(error, removal.account)
        events.emit(.removalFailed(attempt: removal.row, tries: removal.tries, error))
        if removal.tries >= Self.triesMax { try store.removalDone(removal.row) }
    }
}
