import Core
import Store
import Upstream

extension Vault {
    /// An account with its credential, as its vendor needs it. Throws `upstreamCredential`: this process's
    /// key or the row is at fault, not the task, and another account may do.
    func opened(_ account: ClaimedAccount) throws(KinoraError) -> VendorAccount {
        let credential: Secret
        do throws(KinoraError) {
            let sealed = account.sealedCredential
            credential = try credentials.credential(of: account.row, sealed) { () throws(KinoraError) in
                try open(
                    sealed, table: "account", row: account.row, column: "credential_sealed")
            }
        } catch {
            throw KinoraError(.upstreamCredential, detail: error.message)
        }
        return VendorAccount(
            row: account.row, baseURL: account.baseURL, credential: credential, proxyURL: account.proxyURL)
    }
}

/// Credentials that were opened before, so that not every call opens its account's anew.
final class OpenedCredentials: Sendable {
    private struct Opened {
        let sealed: [UInt8]
        let credential: Secret
    }

    /// Accounts of which one is kept. When there are more all are forgotten: opening takes microseconds.
    private static let accountsMax = 4096

    private let opened = Guarded<[Int64: Opened]>([:])

    /// What `open` gives; without it where the same sealed bytes of the account were opened before.
    func credential(
        of account: Int64, _ sealed: [UInt8], open: () throws(KinoraError) -> Secret
    ) throws(KinoraError) -> Secret {
        if let known = opened.withLock({ $0[account] }), known.sealed == sealed {
            return known.credential
        }
        let credential = try open()
        opened.withLock { opened in
            if opened.count >= Self.accountsMax { opened = [:] }
            opened[account] = Opened(sealed: sealed, credential: credential)
        }
        return credential
    }
}
