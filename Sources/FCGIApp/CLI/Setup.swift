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
    @Flag(help: "Print JSON.") var json = false

    func perform() throws(KinoraError) {
        let configuration = try Configuration.current().validated()
        let store = Store(configuration.database)
        var password: Secret?
        if try !store.hasAdmin() {
            let fresh = Passwords.random()
            _ = try store.putUser(name: "admin", role: "admin", passwordHash: try Passwords.hash(fresh))
            password = fresh
        }
        var key: APIKey?
        if try store.activeKeys() == 0 {
            let fresh = APIKey.random()
            try store.addKey(
                fresh, user: try store.putUser(name: "default", role: "client", passwordHash: nil),
                name: "first key",
                models: nil, expiresInDays: nil, createdStatus: 200, contentMode: .serve)
            key = fresh
        }
        if let sandboxURL { try addSandbox(sandboxURL, store, configuration) }
        if json {
            let result: JSON = [
                "admin_user": "admin", "admin_password": JSON(password?.revealed()),
                "api_key": JSON(key?.revealed()),
            ]
            writeLine(result.text)
        } else {
            writeLine("administrator  admin  password \(password?.revealed() ?? "(set before)")")
            writeLine("API key        \(key?.revealed() ?? "(made before)")")
        }
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

    /// The sandbox moves when the port changes: its accounts follow.
    private func addSandbox(
        _ url: String, _ store: Store, _ configuration: Configuration
    ) throws(KinoraError) {
        let vault = try Vault(masterKey: try configuration.masterKey())
        let accounts = try store.listAccounts()
        for (vendor, path, key) in Self.played {
            let credential = Secret(key)
            let existing = accounts.first { $0["name"] == "sandbox" && $0["vendor"] == .string(vendor) }
            if let row = existing?["id"]?.integerValue {
                let sealed = try vault.seal(
                    credential, table: "account", row: row, column: "credential_sealed")
                try store.reseal(account: row, credential: sealed, baseURL: url + path)
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
