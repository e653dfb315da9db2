import ArgumentParser
import Core
import Engine
import Glibc
import Store
import Upstream

struct Check: KinoraCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the whole configuration, secrets masked, and every fault in it at once.",
        discussion: "With --ledger instead: prove that ledger, quotas, keys, codes and tasks agree.")
    @Flag(help: "Prove the ledger.") var ledger = false
    @Flag(help: "Print JSON.") var json = false

    func perform() throws(KinoraError) {
        try ledger ? proveLedger() : checkConfiguration()
    }

    /// Most faults that are printed.
    private static let ledgerFaultsMax = 1000

    private func proveLedger() throws(KinoraError) {
        var options = try Configuration.current().validated().database
        // It reads every task and every transfer there ever was.
        options.statementTimeoutSeconds = 24 * 3600
        let faults = try Store(options).ledgerFaults(limit: Self.ledgerFaultsMax)
        if json {
            writeLine(JSON.object(["faults": .array(faults.map(JSON.object))]).text)
        } else {
            writeLine(faults.isEmpty ? "The ledger is sound." : Table.text(faults))
        }
        if !faults.isEmpty {
            let isAll = faults.count < Self.ledgerFaultsMax
            throw KinoraError(
                .internalFault, "The ledger has \(faults.count)\(isAll ? "" : " or more") fault(s).")
        }
    }

    private func checkConfiguration() throws(KinoraError) {
        let configuration = Configuration.current()
        let faults = configuration.faults + Self.faults(of: configuration)
        if json {
            let settings = JSONObject(configuration.printed.map { ($0.name, JSON.string($0.value)) })
            writeLine(
                JSON.object(["settings": .object(settings), "faults": .array(faults.map(JSON.string))]).text)
        } else {
            let width = configuration.printed.map(\.name.count).max() ?? 0
            for (name, value) in configuration.printed {
                let blanks = value.isEmpty ? 0 : width - name.count + 2
                writeLine(name + String(repeating: " ", count: blanks) + value)
            }
            writeLine(faults.isEmpty ? "\nNo faults." : "\nFaults:")
            for fault in faults { writeLine("  - \(fault)") }
        }
        if !faults.isEmpty {
            throw KinoraError(.configuration, "The configuration has \(faults.count) fault(s).")
        }
    }

    private static func faults(of configuration: Configuration) -> [String] {
        var faults: [String] = []
        func check(_ body: () throws(KinoraError) -> Void) {
            do throws(KinoraError) { try body() } catch {
                faults.append(error.detail.isEmpty ? error.message : "\(error.message) \(error.detail)")
            }
        }
        var vault: Vault?
        check { () throws(KinoraError) in vault = try Vault(masterKey: try configuration.masterKey()) }
        faults += configuration.addressFaults
        for directory in [
            configuration.mediaDirectory, configuration.spoolDirectory, configuration.socketDirectory,
        ]
        where access(directory, W_OK | X_OK) != 0 {
            faults.append("\(directory) cannot be written: \(String(cString: strerror(errno))).")
        }
        var media = stat(), spool = stat()
        if stat(configuration.mediaDirectory, &media) == 0, stat(configuration.spoolDirectory, &spool) == 0,
            media.st_dev != spool.st_dev
        {
            faults.append("KINORA_SPOOL_DIR must be on the file system of KINORA_MEDIA_DIR.")
        }
        if !configuration.caBundlePath.isEmpty, access(configuration.caBundlePath, R_OK) != 0 {
            faults.append(
                "KINORA_CA_BUNDLE: \(configuration.caBundlePath): \(String(cString: strerror(errno))).")
        }
        check { () throws(KinoraError) in
            guard let (media, transport) = try configuration.bucketMedia(SystemClock()) else { return }
            try transport.start()
            defer { transport.stop() }
            try media.prove()
        }
        check { () throws(KinoraError) in
            guard let (line, transport) = try configuration.bridge() else { return }
            try transport.start()
            defer { transport.stop() }
            try line.prove()
        }
        for program in ["ffprobe", "prlimit"] where !isInPath(program) {
            faults.append("\(program) is not in PATH: references of sound and film cannot be measured.")
        }
        guard !configuration.databaseURL.isEmpty else { return faults }
        // As the migrations log in: the role that the service takes may not exist yet.
        var owner = configuration.database
        owner.role = nil
        var isReachable = false
        check { () throws(KinoraError) in
            try Store(owner).ping()
            isReachable = true
        }
        check { () throws(KinoraError) in
            do throws(KinoraError) { faults += try Self.faults(inDatabaseOf: configuration, vault) } catch {
                if isReachable || error.code != .databaseAway { throw error }
            }
        }
        return faults
    }

    private static func faults(
        inDatabaseOf configuration: Configuration, _ vault: Vault?
    ) throws(KinoraError) -> [String] {
        var faults: [String] = []
        let status = try Migrator(configuration.database, directory: configuration.sqlDirectory).status()
        let pending = status.count { $0.appliedAt == nil }
        if pending > 0 { faults.append("\(pending) migration(s) are missing: run `kinora migrate up`.") }
        if status.contains(where: \.isChanged) { faults.append("An applied migration file was changed.") }
        guard pending == 0 else { return faults }
        let accounts = try Store(configuration.database).accounts()
        if let fault = vault?.fault(of: accounts) { faults.append(fault) }
        return faults
    }

    /// Looks where `Spawn` does.
    private static func isInPath(_ program: String) -> Bool {
        let path = processEnvironment()["PATH"] ?? "/bin:/usr/bin"
        return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
    }
}
