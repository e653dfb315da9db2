import ArgumentParser
import Core
import Store

struct QuotaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quota", abstract: "What users may spend, and the ledger of it.",
        subcommands: [Show.self, TopUp.self, Withdraw.self, Ledger.self])

    struct Show: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how quota stands.",
            discussion: "total = used + held + available; held is what unfinished tasks will cost.")
        @Argument(help: "The user's name (default: all).") var user: String?
        @OptionGroup var output: OutputOptions

        func perform() throws(KinoraError) {
            let quotas = try openStore().listQuotas(user: user)
            if let user, quotas.isEmpty { throw QuotaCommand.unknown(user) }
            output.show(quotas)
        }
    }

    /// What both directions of a transfer are told.
    struct Transfer: ParsableArguments {
        @Argument(help: "The user's name.") var user: String
        @Argument(help: "Units, such as 12 or 0.5.") var amount: Amount
        @Option(help: "What it is for: the same reference is refused a second time.") var reference: String?
        @Option(help: "A note for the ledger.") var note = ""

        func validate() throws {
            guard (Amount(micros: 1)...Amount.transferMax).contains(amount) else {
                throw ValidationError("The amount must be from 0.000001 to \(Amount.transferMax).")
            }
            if let reference { try checkName(reference, "--reference") }
            guard note.unicodeScalars.count <= 500 else {
                throw ValidationError("--note must have at most 500 characters.")
            }
        }

        func perform(_ move: QuotaMove, _ store: Store) throws(KinoraError) {
            do throws(KinoraError) {
                guard try store.move(move, amount, user: user, reference: reference, note: note) else {
                    throw QuotaCommand.unknown(user)
                }
            } catch {
                switch error.code {
                case .alreadyExists:
                    throw KinoraError(
                        .alreadyExists, "There is already a \(move) '\(reference ?? "")': nothing was moved.")
                case .insufficientQuota:
                    throw KinoraError(
                        .insufficientQuota, "'\(user)' has less than \(amount) available: nothing was moved.")
                default: throw error
                }
            }
            let quota = try store.listQuotas(user: user).first?["available"]?.stringValue ?? ""
            writeLine("\(user) has \(quota) available")
        }
    }

    struct TopUp: KinoraCommand {
        static let configuration = CommandConfiguration(
            commandName: "topup", abstract: "Give quota to a user.")
        @OptionGroup var transfer: Transfer
        func perform() throws(KinoraError) { try transfer.perform(.topup, try openStore()) }
    }

    struct Withdraw: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "Take back what is available.")
        @OptionGroup var transfer: Transfer
        func perform() throws(KinoraError) { try transfer.perform(.withdrawal, try openStore()) }
    }

    struct Ledger: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "List a user's transfers, newest first.")
        @Argument(help: "The user's name.") var user: String
        @Option(help: "At most so many.") var limit = 50
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (1...10_000).contains(limit) else {
                throw ValidationError("--limit must be from 1 to 10000.")
            }
        }

        func perform() throws(KinoraError) {
            let store = try openStore()
            let transfers = try store.listTransfers(user: user, limit: limit)
            if transfers.isEmpty, try store.listQuotas(user: user).isEmpty {
                throw QuotaCommand.unknown(user)
            }
            output.show(transfers)
        }
    }

    private static func unknown(_ user: String) -> KinoraError {
        KinoraError(.invalidValue, "There is no user '\(user)'. See `kinora user list`.")
    }
}
