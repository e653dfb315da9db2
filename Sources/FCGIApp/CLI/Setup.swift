import ArgumentParser
import Core
import Engine
import Store

struct Setup: KinoraCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Make what a first start needs: administrator, key, the sandbox's account. Safe to run again."
    )
    @Option(
        name: .customLong("sandbox-url"), help: "Address of `kinora sandbox`; without it no account is made.")
    var sandboxURL: String?
    @Option(help: "The administrator's name, where there is none yet.") var admin = "admin"
    @Flag(help: "Print JSON.") var json = false

    func validate() throws { try checkName(admin, "--admin") }

    func perform() throws(KinoraError) {
        let configuration = try Configuration.current().validated()
        let store = Store(configuration.database)
        // First of all: what is made is told once, and only to whoever sees this command succeed.
        let vault = try sandboxURL == nil ? nil : sandboxVault(configuration, store)
        let existing = try store.admin()
        let name = existing ?? admin
        let password = try existing == nil ? makeAdmin(in: store) : nil
        var key: APIKey?
        if try store.activeKeys() == 0 {
            let fresh = APIKey.random()
            try store.addKey(
                fresh, user: "default", name: "first key", models: nil, expiresInDays: nil,
                createdStatus: 200, contentMode: .serve)
            key = fresh
        }
        if let sandboxURL, let vault { try addSandbox(sandboxURL, store, vault) }
        if json {
            let result: JSON = [
                "admin_user": .string(name), "admin_password": JSON(password?.revealed()),
                "api_key": JSON(key?.revealed()),
            ]
            writeLine(result.text)
        } else {
            writeLine("administrator  \(name)  password \(password?.revealed() ?? "(set before)")")
            writeLine("API key        \(key?.revealed() ?? "(made before)")")
        }
    }

    private func makeAdmin(in store: Store) throws(KinoraError) -> Secret {
        let password = Passwords.random()
        guard try store.putAdmin(name: admin, passwordHash: try Passwords.hash(password)) else {
            throw KinoraError(
                .alreadyExists,
                "'\(admin)' is a client: give the administrator another name, `kinora setup --admin NAME`.")
        }
        return password
    }

    /// Vendors that the sandbox plays: below which path, and a key that it takes.
    private static let played = [
        (vendor: "openai", path: "/openai/v1", key: "sk-sandbox-default"),
        (vendor: "openart", path: "/openart", key: "oak_sandbox_default"),
        (vendor: "ark", path: "/ark/api/v3", key: "ark-sandbox-default"),
        (vendor: "byteplus", path: "/byteplus/api/v3", key: "byteplus-sandbox-default"),
        (vendor: "dashscope", path: "/dashscope/api/v1", key: "sk-sandbox-dashscope"),
        (vendor: "vidu", path: "/vidu/ent/v2", key: "vda_sandbox_default"),
        (vendor: "zhipu", path: "/zhipu/api/paas/v4", key: "sandbox-default.secret"),
        (vendor: "kling", path: "/kling", key: "api-key-kling-sandbox-default"),
        (vendor: "jimeng", path: "/jimeng", key: "AKSANDBOXdefault:SKSANDBOXdefault"),
        (vendor: "minimax", path: "/minimax", key: "sk-api-sandbox-default"),
        (vendor: "runway", path: "/runway", key: "key_sandbox_default"),
        (vendor: "luma", path: "/luma/dream-machine/v1", key: "luma-sandbox-default"),
        (vendor: "luma-agents", path: "/luma-agents/v1", key: "luma-api-sandbox-default"),
        (vendor: "fal", path: "/fal", key: "sandbox-default:secret"),
        (vendor: "replicate", path: "/replicate/v1", key: "r8_sandbox_default"),
    ]

    /// Throws `configuration` where another master key has sealed the sandbox's accounts: sealing them anew
    /// would take them from the instance that has that key.
    private func sandboxVault(
        _ configuration: Configuration, _ store: Store
    ) throws(KinoraError) -> Vault {
        let vault = try Vault(masterKey: try configuration.masterKey())
        let accounts = try store.accounts().filter { $0.name == "sandbox" }
        if let fault = vault.fault(of: accounts) { throw KinoraError(.configuration, fault) }
        return vault
    }

    /// The sandbox moves when the port changes: its accounts follow.
    private func addSandbox(
        _ url: String, _ store: Store, _ vault: Vault
    ) throws(KinoraError) {
        let accounts = try store.accounts()
        for (vendor, path, key) in Self.played {
            let credential = Secret(key)
            let existing = accounts.first { $0.name == "sandbox" && $0.account.vendor == vendor }
            if let row = existing?.account.row {
                let sealed = try vault.seal(
                    credential, table: "account", row: row, column: "credential_sealed")
                try store.changeAccount(row, AccountChange(baseURL: url + path, sealedCredential: sealed))
            } else {
                _ = try store.addAccount(
                    vendor: vendor, name: "sandbox", baseURL: url + path, region: "", slots: 32
                ) { row throws(KinoraError) in
                    try vault.seal(credential, table: "account", row: row, column: "credential_sealed")
                }
            }
        }
    }
}
