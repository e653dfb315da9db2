import ArgumentParser
import Core
import Engine
import Store

struct CodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "code", abstract: "Redemption codes: quota for whoever redeems them first.",
        subcommands: [Create.self, List.self, Void.self])

    struct Create: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a batch of codes and print them, once.")
        @Option(help: "Units that each adds.") var amount: Amount
        @Option(help: "How many.") var count = 1
        @Option(help: "Days until they are no longer taken (default: never).") var expiresInDays: Int?
        @Option(help: "A note.") var note = ""
        @Flag(help: "Print JSON.") var json = false

        func validate() throws {
            guard (Amount(micros: 1)...Amount.transferMax).contains(amount) else {
                throw ValidationError("--amount must be from 0.000001 to \(Amount.transferMax).")
            }
            guard (1...10_000).contains(count) else {
                throw ValidationError("--count must be from 1 to 10000.")
            }
            guard (1...36_500).contains(expiresInDays ?? 1) else {
                throw ValidationError("--expires-in-days must be from 1 to 36500.")
            }
            guard note.unicodeScalars.count <= 500 else {
                throw ValidationError("--note must have at most 500 characters.")
            }
        }

        func perform() throws(KinoraError) {
            let configuration = try Configuration.current().validated()
            let vault = try Vault(masterKey: try configuration.masterKey())
            let (batch, codes) = try make(Store(configuration.database), vault)
            if json {
                let texts = codes.map { JSON.string($0.revealed()) }
                writeLine(JSON.object(["batch": .integer(batch), "codes": .array(texts)]).text)
            } else {
                for code in codes { writeLine(code.revealed()) }
                writeError("Shown once. Void what is left of them with: kinora code void --batch \(batch)\n")
            }
        }

        /// Codes are few enough that one may come up that there is: then other ones do.
        private func make(
            _ store: Store, _ vault: Vault
        ) throws(KinoraError) -> (batch: Int64, codes: [RedemptionCode]) {
            var tries = 10
            while true {
                let codes = (0..<count).map { _ in RedemptionCode.random() }
                let batch = NewCodes(
                    amount: amount, note: note, expiresInDays: expiresInDays,
                    hashes: codes.map(vault.hash(of:)))
                do throws(KinoraError) { return (try store.addCodes(batch), codes) } catch {
                    tries -= 1
                    guard error.code == .alreadyExists, tries > 0 else { throw error }
                }
            }
        }
    }

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "List batches, or what became of the codes of one.")
        @Option(help: "The number of a batch.") var batch: Int64?
        @OptionGroup var output: OutputOptions

        func perform() throws(KinoraError) {
            let store = try openStore()
            guard let batch else { return output.show(try store.listCodeBatches()) }
            let codes = try store.listCodes(ofBatch: batch)
            guard !codes.isEmpty else { throw CodeCommand.unknown(batch) }
            output.show(codes)
        }
    }

    struct Void: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make codes worthless. Quota that was granted stays.")
        @Argument(help: "The code.") var code: String?
        @Option(help: "All that is left of this batch.") var batch: Int64?

        func validate() throws {
            guard (code == nil) != (batch == nil) else {
                throw ValidationError("Give a code or --batch.")
            }
        }

        func perform() throws(KinoraError) {
            let configuration = try Configuration.current().validated()
            let store = Store(configuration.database)
            if let batch {
                guard try !store.listCodes(ofBatch: batch).isEmpty else { throw CodeCommand.unknown(batch) }
                return writeLine("voided \(try store.voidCodes(ofBatch: batch)) code(s) of batch \(batch)")
            }
            let vault = try Vault(masterKey: try configuration.masterKey())
            guard let code = RedemptionCode(code ?? ""), try store.voidCode(hash: vault.hash(of: code)) else {
                throw KinoraError(
                    .codeNotFound, "There is no such code, or it was redeemed or voided before.")
            }
            writeLine("voided")
        }
    }

    private static func unknown(_ batch: Int64) -> KinoraError {
        KinoraError(.invalidValue, "There is no batch \(batch). See `kinora code list`.")
    }
}
