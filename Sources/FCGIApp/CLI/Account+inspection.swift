import ArgumentParser
import Core
import Engine
import Store
import Upstream

extension Account {
    struct Test: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask its vendor something harmless with its key, and say how that went.",
            discussion: "Nothing but the time and the result of the check is remembered.")
        @Argument(help: "Its number or name.") var account: String
        @Flag(help: "Print JSON.") var json = false

        func perform() throws(KinoraError) {
            let finding = try Account.withInspection { inspection, store throws(KinoraError) in
                try inspection.test(try Account.one(account, store))
            }
            writeLine(json ? JSON.object(finding.object).text : finding.line)
            if let error = finding.error { throw error }
        }
    }

    struct Refresh: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read from the vendor what credit it has left.",
            discussion: """
                More credit than before makes an account that could not pay work again. With --all, accounts \
                that are not disabled are asked one after the other, some seconds apart.
                """)
        @Argument(help: "Its number or name.") var account: String?
        @Flag(help: "All accounts.") var all = false
        @Flag(help: "Print JSON, an object a line.") var json = false

        func validate() throws {
            guard all == (account == nil) else { throw ValidationError("Name an account, or say --all.") }
        }

        func perform() throws(KinoraError) {
            let findings = try Account.withInspection { inspection, store throws(KinoraError) in
                if let account { return [show(try inspection.refresh(try Account.one(account, store)))] }
                var findings: [AccountFinding] = []
                let pause = Signal()
                try inspection.refreshAll { duration in
                    _ = pause.wait(for: duration)
                } report: {
                    findings.append(show($0))
                }
                return findings
            }
            let failures = findings.compactMap(\.error)
            guard let first = failures.first else { return }
            if account != nil { throw first }
            // Vendors that tell nothing are no failure of a walk over all.
            let failed = failures.count { $0.code != .unsupportedByVendor }
            guard failed > 0 else { return }
            throw KinoraError(
                .upstreamServer, "\(failed) of \(findings.count) accounts could not be refreshed.")
        }

        private func show(_ finding: AccountFinding) -> AccountFinding {
            writeLine(json ? JSON.object(finding.object).text : finding.creditLine)
            return finding
        }
    }

    static func one(_ name: String, _ store: Store) throws(KinoraError) -> NamedAccount {
        let found = try store.accounts(named: name)
        guard found.count == 1 else { throw notOne(name, found.count) }
        return found[0]
    }

    fileprivate static func withInspection<T>(
        _ body: (AccountInspection, Store) throws(KinoraError) -> T
    ) throws(KinoraError) -> T {
        let configuration = try Configuration.current().validated()
        let store = Store(configuration.database)
        let transport = try configuration.transport()
        try transport.start()
        defer { transport.stop() }
        let inspection = AccountInspection(
            store: store, vault: try Vault(masterKey: try configuration.masterKey()), transport: transport,
            events: EventLog(level: configuration.logLevel))
        return try body(inspection, store)
    }
}

extension AccountFinding {
    private var milliseconds: Int64 { latency.microseconds / 1000 }
    private var name: String { "\(account.account.vendor)/\(account.name)" }

    private var credits: Amount? { creditsMicros.map(Amount.init(micros:)) }

    private var failureLine: String? {
        error.map { "\(name): \($0.code.facts.number) \($0.code.rawValue) after \(milliseconds) ms" }
    }

    fileprivate var line: String { failureLine ?? "\(name): answers well, after \(milliseconds) ms" }

    fileprivate var creditLine: String {
        failureLine ?? "\(name): \(credits.map { "\($0) credits" } ?? "without limit")"
    }

    fileprivate var object: JSONObject {
        [
            "account": .integer(account.account.row), "vendor": .string(account.account.vendor),
            "name": .string(account.name), "ok": .bool(error == nil), "latency_ms": .integer(milliseconds),
            "credits": credits.map { .string($0.description) } ?? .null,
            "error": JSON(error?.code.rawValue), "message": JSON(error?.message),
            "detail": JSON(error.flatMap { $0.detail.isEmpty ? nil : $0.detail }),
        ]
    }
}
