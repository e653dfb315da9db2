import Core
import Engine
import Store

extension Vault {
    /// What is wrong where another master key than this one has sealed accounts' credentials.
    func fault(of accounts: [NamedAccount]) -> String? {
        let strange = accounts.filter { named in
            let opened = try? open(
                named.account.sealedCredential, table: "account", row: named.account.row,
                column: "credential_sealed")
            return opened == nil
        }
        guard !strange.isEmpty else { return nil }
        let names = strange.map { "\($0.account.vendor)/\($0.name)" }.joined(separator: ", ")
        return
            "KINORA_MASTER_KEY_FILE: the master key does not open the credentials of \(names): another one "
            + "sealed them."
    }
}
