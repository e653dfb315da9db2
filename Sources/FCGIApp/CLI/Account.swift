import ArgumentParser
import Core
import Engine
import Glibc
import Store
import Upstream

struct Account: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Accounts at vendors.",
        subcommands: [
            Add.self, List.self, Change.self, Test.self, Refresh.self, Disable.self, Enable.self,
        ])

    struct Add: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add an account.",
            discussion: "Its credential is read from a file or standard input, never from the command line.")
        @Option(
            help: ArgumentHelp(
                "The wire format it speaks: \(Vendors.all.map(\.name).joined(separator: ", ")).",
                valueName: "vendor"))
        var vendor: String
        @Option(help: "A name for it.") var name: String
        @Option(name: .customLong("base-url"), help: "Where it answers, such as https://api.example.com/v1.")
        var baseURL: String
        @Option(help: "Its region, where the vendor has several.") var region = ""
        @Option(help: "Tasks it may run at once; without it as many as the vendor usually lets.") var slots:
            Int?
        @Option(help: "A proxy for its calls, such as http://proxy.example:3128 or socks5h://127.0.0.1:1080.")
        var proxy: String?
        @Option(help: "File with the credential; - is standard input.") var credentialFile = "-"

        func validate() throws {
            try Account.check(baseURL: baseURL, proxy: proxy, slots: slots)
            try checkName(name, "--name")
        }

        func perform() throws(KinoraError) {
            let configuration = try Configuration.current().validated()
            let spoken = try Vendors.named(vendor)
            Account.warn(of: baseURL)
            let credential = try Account.readCredential(from: credentialFile)
            let vault = try Vault(masterKey: try configuration.masterKey())
            do throws(KinoraError) {
                let id = try Store(configuration.database).addAccount(
                    vendor: vendor, name: name, baseURL: baseURL, region: region,
                    slots: slots ?? spoken.usualSlots,
                    proxyURL: proxy
                ) { row throws(KinoraError) in
                    try vault.seal(credential, table: "account", row: row, column: "credential_sealed")
                }
                writeLine("added account \(id) \(name)")
            } catch {
                guard error.code == .alreadyExists else { throw error }
                throw KinoraError(.alreadyExists, "There is already an account '\(name)' for \(vendor).")
            }
        }
    }

    static func check(baseURL: String?, proxy: String?, slots: Int?) throws {
        guard baseURL.map({ $0.wholeMatch(of: /https?:\/\/[^\s\/][^\s]*/) != nil }) ?? true else {
            throw ValidationError("--base-url must be an http or https URL.")
        }
        let isProxy = /(https?|socks4a?|socks5h?):\/\/[^\s\/][^\s]*/
        guard proxy.map({ $0.wholeMatch(of: isProxy) != nil }) ?? true else {
            throw ValidationError("--proxy must be an http, https, socks4 or socks5 URL.")
        }
        guard (1...100_000).contains(slots ?? 1) else {
            throw ValidationError("--slots must be from 1 to 100000.")
        }
    }

    static func warn(of baseURL: String) {
        guard baseURL.hasPrefix("http://") else { return }
        writeError("kinora: warning: the credential will travel unencrypted to \(baseURL)\n")
    }

    /// From a file, or standard input for `-`.
    static func readCredential(from file: String) throws(KinoraError) -> Secret {
        if file == "-", isatty(0) == 1 { writeError("Credential, then Enter and Ctrl-D: ") }
        guard let text = file == "-" ? readAll(0) : readSmallFile(file) else {
            throw KinoraError(.configuration, "Cannot read \(file): \(String(cString: strerror(errno)))")
        }
        guard !text.trimmedText.isEmpty else {
            throw KinoraError(.invalidValue, "The credential is empty.")
        }
        return Secret(text.trimmedText)
    }

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "List accounts and their load.")
        @OptionGroup var output: OutputOptions
        func perform() throws(KinoraError) { output.show(try openStore().listAccounts()) }
    }

    struct Disable: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give it no new tasks. Those it runs are polled to their end.")
        @Argument(help: "Its number or name.") var account: String
        @Option(help: "Why.") var reason = "by the operator"
        func perform() throws(KinoraError) {
            try Account.setState(of: account, to: "disabled", reason, openStore())
        }
    }

    struct Enable: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "Give it tasks again.")
        @Argument(help: "Its number or name.") var account: String
        func perform() throws(KinoraError) {
            try Account.setState(of: account, to: "active", "", openStore())
        }
    }

    private static func setState(
        of account: String, to state: String, _ reason: String, _ store: Store
    ) throws(KinoraError) {
        switch try store.setAccountState(account, to: state, reason: reason) {
        case 1: writeLine("\(account): \(state)")
        case let count: throw notOne(account, count)
        }
    }

    static func notOne(_ account: String, _ count: Int) -> KinoraError {
        count == 0
            ? KinoraError(.invalidValue, "There is no account '\(account)'. See `kinora account list`.")
            : KinoraError(
                .invalidValue, "\(count) accounts are called '\(account)': name one as VENDOR/NAME.")
    }
}
