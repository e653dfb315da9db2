import ArgumentParser
import Core
import Store

struct Key: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Client keys.", subcommands: [Create.self, List.self, Change.self, Limit.self, Revoke.self])

    struct Create: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "Make a key and print it, once.")
        @Option(help: "The user it belongs to; made when new.") var user = "default"
        @Option(help: "A note.") var name = ""
        @Option(help: "Models it may use, comma separated (default: all).") var models: String?
        @Option(help: "Days until it expires (default: never).") var expiresInDays: Int?
        @Option(help: "HTTP status of a created video: 200 or 201.") var createdStatus = 200
        @Option(help: "How content is answered: serve or redirect.") var content = "serve"
        @OptionGroup var words: WordOptions
        @OptionGroup var limits: LimitOptions
        @OptionGroup var cap: QuotaCap
        @Flag(help: "Print JSON.") var json = false

        func validate() throws {
            guard [200, 201].contains(createdStatus) else {
                throw ValidationError("--created-status must be 200 or 201.")
            }
            guard KeyOptions.ContentMode(rawValue: content) != nil else {
                throw ValidationError("--content must be serve or redirect.")
            }
            guard (1...36_500).contains(expiresInDays ?? 1) else {
                throw ValidationError("--expires-in-days must be from 1 to 36500.")
            }
            try checkName(user, "--user")
            try checkName(name, "--name", 0...128)
        }

        func perform() throws(KinoraError) {
            let store = try openStore()
            let models = try knownModels(store)
            let key = APIKey.random()
            try store.addKey(
                key, user: user, name: name, models: models, expiresInDays: expiresInDays.map(Int64.init),
                createdStatus: createdStatus,
                contentMode: KeyOptions.ContentMode(rawValue: content) ?? .serve,
                chatFormat: words.chatFormat ?? .auto, dialect: words.dialect ?? .auto, limits: limits.change,
                quotaCap: cap.quota)
            if json {
                writeLine(JSON.object(["id": .string(key.publicID), "key": .string(key.revealed())]).text)
            } else {
                writeLine(key.revealed())
                writeError("Shown once. Revoke it with: kinora key revoke \(key.publicID)\n")
            }
        }

        private func knownModels(_ store: Store) throws(KinoraError) -> [String]? {
            guard let list = models?.split(separator: ",").map({ String($0).trimmedText }) else { return nil }
            let known = Set(try store.models().map(\.id))
            if let unknown = list.first(where: { !known.contains($0) }) {
                throw KinoraError(.modelNotFound, "Unknown model '\(unknown)'. See `kinora model list`.")
            }
            return list
        }
    }

    struct List: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "List keys.")
        @OptionGroup var output: OutputOptions
        func perform() throws(KinoraError) { output.show(try openStore().listKeys()) }
    }

    /// The key that a command is about.
    struct NamedKey: ParsableArguments {
        @Argument(help: "Its id, or the key itself.") var key: String

        /// Changes it, by its id, and says what was done. `change` tells whether there is such a key. Throws
        /// `invalidValue` where there is none.
        func change(saying word: String, _ change: (String) throws(KinoraError) -> Bool) throws(KinoraError) {
            let id = APIKey(key)?.publicID ?? key
            guard try change(id) else {
                throw KinoraError(.invalidValue, "There is no active key '\(id)'. See `kinora key list`.")
            }
            writeLine("\(word) \(id)")
        }
    }

    /// How a key's clients are spoken to.
    struct WordOptions: ParsableArguments {
        @Option(
            name: .customLong("dialect"),
            help: "Whose API it finds at /v1: sora or jimeng alone, or auto (as the model's family has it).")
        var dialectName: String?
        @Option(
            name: .customLong("chat-format"),
            help: "How chats say what was made: json or markdown, or auto (as the model's family does).")
        var chatFormatName: String?

        func validate() throws {
            guard dialectName == nil || dialect != nil else {
                throw ValidationError("--dialect must be auto, sora or jimeng.")
            }
            guard chatFormatName == nil || chatFormat != nil else {
                throw ValidationError("--chat-format must be auto, json or markdown.")
            }
        }

        var dialect: KeyOptions.RootDialect? { dialectName.flatMap(KeyOptions.RootDialect.init) }
        var chatFormat: KeyOptions.ChatFormat? { chatFormatName.flatMap(KeyOptions.ChatFormat.init) }
    }

    struct Change: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change how a key's clients are spoken to, everywhere at once.",
            discussion: "What is not named stays as it is.")
        @OptionGroup var key: NamedKey
        @OptionGroup var words: WordOptions

        func validate() throws {
            guard words.dialectName != nil || words.chatFormatName != nil else {
                throw ValidationError("Give --dialect, --chat-format, or both of them.")
            }
        }

        func perform() throws(KinoraError) {
            try key.change(saying: "changed") { id throws(KinoraError) in
                try openStore().changeKey(
                    publicID: id, dialect: words.dialect, chatFormat: words.chatFormat)
            }
        }
    }

    struct Limit: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a key's limits, everywhere at once.",
            discussion: "What is not named stays as it is.")
        @OptionGroup var key: NamedKey
        @OptionGroup var limits: LimitOptions
        @OptionGroup var cap: QuotaCap

        func validate() throws {
            guard !limits.isEmpty || cap.quota != nil else {
                throw ValidationError(
                    "Give --requests-per-minute, --concurrent-tasks, --quota, or several of them.")
            }
        }

        func perform() throws(KinoraError) {
            try key.change(saying: "limited") { id throws(KinoraError) in
                try openStore().limitKey(publicID: id, limits.change, quotaCap: cap.quota)
            }
        }
    }

    struct Revoke: KinoraCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a key, everywhere at once.")
        @OptionGroup var key: NamedKey

        func perform() throws(KinoraError) {
            try key.change(saying: "revoked") { id throws(KinoraError) in
                try openStore().revokeKey(publicID: id)
            }
        }
    }
}
