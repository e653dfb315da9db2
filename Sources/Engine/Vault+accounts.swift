import Core
import Store
import Upstream

extension Vault {
    /// An account with its credential, as its vendor needs it. Throws `upstreamCredential`: this process's
    /// key or the row is at fault, not the task, and another account may do.
    func opened(_ account: ClaimedAccount) throws(KinoraError) -> VendorAccount {
        let credential: Secret
        do throws(KinoraError) {
            credential = try open(
                account.sealedCredential, table: "account", row: account.row, column: "credential_sealed")
        } catch {
            throw KinoraError(.upstreamCredential, detail: error.message)
        }
        return VendorAccount(
            row: account.row, baseURL: account.baseURL, credential: credential, proxyURL: account.proxyURL)
    }
}
