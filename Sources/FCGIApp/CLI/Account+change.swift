import ArgumentParser
import Core
import Engine
import Store

extension Account {
    struct Change: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change an account: its key, load, address or proxy.",
            discussion: """
                What is not named stays as it is. A key is read from standard input, never from the command \
                line. An account whose key was refused works again with another one.
                """)
        @Argument(help: "Its number or name.") var account: String
        @Option(help: "Tasks it may run at once.") var slots: Int?
        @Option(help: "Its share of the work among accounts of equal load.") var weight: Int?
        @Option(name: .customLong("base-url"), help: "Where it answers, such as https://api.example.com/v1.")
        var baseURL: String?
        @Option(help: "A proxy for its calls; \"\": none.") var proxy: String?
        @Flag(help: "Read another key from standard input.") var key = false

        func validate() throws {
            guard key || slots != nil || weight != nil || baseURL != nil || proxy != nil else {
                throw ValidationError("Name what is to change.")
            }
            try Account.check(baseURL: baseURL, proxy: proxy == "" ? nil : proxy, slots: slots)
            guard (1...32_767).contains(weight ?? 1) else {
                throw ValidationError("--weight must be from 1 to 32767.")
            }
        }

        func perform() throws(KinoraError) {
            let configuration = try Configuration.current().validated()
            let store = Store(configuration.database)
            let found = try Account.one(account, store)
            if key || baseURL != nil { Account.warn(of: baseURL ?? found.account.baseURL) }
            let change = AccountChange(
                slots: slots, weight: weight, baseURL: baseURL, proxyURL: proxy,
                sealedCredential: key ? try seal(for: found.account.row, configuration) : nil)
            guard try store.changeAccount(found.account.row, change) else { throw Account.notOne(account, 0) }
            writeLine("changed \(found.account.vendor)/\(found.name)")
        }

        private func seal(
            for row: Int64, _ configuration: Configuration
        ) throws(KinoraError) -> [UInt8] {
            let vault = try Vault(masterKey: try configuration.masterKey())
            return try vault.seal(
                try Account.readCredential(from: "-"), table: "account", row: row, column: "credential_sealed"
            )
        }
    }
}
