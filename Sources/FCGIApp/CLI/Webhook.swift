import ArgumentParser
import Core
import Engine
import Store
import Upstream

struct Webhook: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Receivers that are told how tasks ended. See docs/webhooks.md.",
        subcommands: [
            Add.self, List.self, Remove.self, Enable.self, Test.self, Deliveries.self, Replay.self,
        ])

    struct Add: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a receiver and print its signing secret, once.")
        @Option(help: "Whose tasks it hears of.") var user: String
        @Option(help: "Where to send: https, or http to an address in KINORA_EGRESS_ALLOW.") var url: String
        @Flag(help: "Print JSON.") var json = false

        func perform() throws(KinoraError) {
            let configuration = try Configuration.current().validated()
            try Self.check(url, allowed: configuration.egressAllow)
            let vault = try Vault(masterKey: try configuration.masterKey())
            let secret = WebhookSecret.random()
            let id = try Store(configuration.database).addWebhook(user: user, url: url) {
                row throws(KinoraError) in try vault.seal(secret, endpoint: row)
            }
            guard let id else { throw KinoraError(.invalidValue, "There is no user '\(user)'.") }
            if json {
                writeLine(
                    JSON.object(["id": .integer(id), "secret": .string(secret.text.revealed())]).text)
            } else {
                writeLine(secret.text.revealed())
                writeError("Shown once. Try it with: kinora webhook test \(id)\n")
            }
        }

        /// Where a message goes is found out when it is sent; here only what could never be right is
        /// refused.
        private static func check(_ url: String, allowed: [String]) throws(KinoraError) {
            guard let parts = url.wholeMatch(of: /(https?):\/\/([^\s\/?#]+)([\/?][^\s#]*)?/),
                url.utf8.count <= 2000, url.utf8.allSatisfy({ $0 < 0x7F })
            else { throw KinoraError(.invalidValue, "--url must be an https URL.") }
            guard !parts.2.contains("@") else {
                throw KinoraError(.invalidValue, "--url must not hold a name or a password.")
            }
            guard parts.1 == "https" || allowed.contains(where: { $0 == parts.2 }) else {
                throw KinoraError(
                    .invalidValue, "--url must be https; http only to addresses in KINORA_EGRESS_ALLOW.")
            }
        }
    }

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "List receivers.")
        @OptionGroup var output: OutputOptions
        func perform() throws(KinoraError) { output.show(try openStore().listWebhooks()) }
    }

    struct Remove: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a receiver, and the log of its deliveries.")
        @Argument(help: "Its number.") var id: Int64

        func perform() throws(KinoraError) {
            guard try openStore().removeWebhook(id) else { throw Webhook.unknown(id) }
            writeLine("removed \(id)")
        }
    }

    struct Enable: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Switch a receiver on again. What is pending is sent.")
        @Argument(help: "Its number.") var id: Int64

        func perform() throws(KinoraError) {
            guard try openStore().enableWebhook(id) else { throw Webhook.unknown(id) }
            writeLine("enabled \(id)")
        }
    }

    struct Deliveries: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "List deliveries, newest first.")
        @Option(help: "Only those of this receiver.") var endpoint: Int64?
        @Flag(help: "Only those that were given up.") var failed = false
        @Option(help: "At most so many.") var limit = 50
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (1...10_000).contains(limit) else {
                throw ValidationError("--limit must be from 1 to 10000.")
            }
        }

        func perform() throws(KinoraError) {
            output.show(
                try openStore().listDeliveries(endpoint: endpoint, isFailed: failed, limit: limit))
        }
    }

    struct Replay: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a delivery again, under the same webhook-id.")
        @Argument(help: "Its number.") var delivery: Int64

        func perform() throws(KinoraError) {
            guard let isEnabled = try openStore().replayDelivery(delivery) else {
                throw KinoraError(
                    .invalidValue,
                    "There is no delivery \(delivery). See `kinora webhook deliveries`.")
            }
            writeLine("delivery \(delivery) is pending")
            if !isEnabled { writeError("kinora: its receiver is switched off: nothing is sent to it.\n") }
        }
    }

    static func unknown(_ id: Int64) -> KinoraError {
        KinoraError(.invalidValue, "There is no receiver \(id). See `kinora webhook list`.")
    }
}
