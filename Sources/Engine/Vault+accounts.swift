import Core
import Store
import Upstream

extension Vault {
    /// An account with its credential, as its vendor needs it. Throws `upstreamCredential`: this process's
    /// key or the row is at fault, not the task, and another account may do.
    func opened(_ account: ClaimedAccount) throws(KinoraError) -> VendorAccount {
        let credential: Secret
        do throws(KinoraError) {
            credential = try credentials.credential(of: account) { () throws(KinoraError) in
                try open(
                    account.sealedCredential, table: "account", row: account.row, column: "credential_sealed")
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
        of account: ClaimedAccount, open: () throws(KinoraError) -> Secret
    ) throws(KinoraError) -> Secret {
        if let known = opened.withLock({ $0[account.row] }), known.sealed == account.sealedCredential {
            return known.credential
        }
        let credential = try open()
        opened.withLock { opened in
            if opened.count >= Self.accountsMax { opened = [:] }
            opened[account.row] = Opened(sealed: account.sealedCredential, credential: credential)
        }
        return credential
    }
}
