import Core
import Foundation
import TestSupport
import Testing

/// What commands print when nothing runs: golden files below Tests/Golden/cli. First line the command, then
/// its environment; expected are exit status, output and errors.
extension GatewayTests {
    @Suite struct Usage {
        static let cases = Result { try Golden.cases(in: "cli") }

        @Test func isWhatTheGoldenFilesSay() throws {
            for golden in try Self.cases.get() {
                var lines = golden.input.split(separator: "\n").map(String.init)
                let words = lines.removeFirst().split(separator: " ").dropFirst().map(String.init)
                let settings = lines.map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
                let environment = Dictionary(settings.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { $1 }
                let finished = try run(try Surroundings.binary, words, environment: environment)
                let actual =
                    "exit status \(finished.status)\n"
                    + "--- output\n\(finished.text)--- errors\n\(finished.errors)"
                if let mismatch = try golden.mismatch(with: actual) { Issue.record("\(mismatch)") }
            }
        }

        private func kinora(_ arguments: String..., environment: [String: String] = [:]) throws -> Finished {
            try run(try Surroundings.binary, arguments, environment: environment)
        }

        @Test func thatIsWrongEndsWith64AndAnExplanation() throws {
            for (arguments, words) in [
                (["frobnicate"], "frobnicate"), (["key", "frobnicate"], "frobnicate"),
                (["serve", "--fast"], "--fast"),
                (["key", "revoke"], "<key>"), (["task", "show", "a", "b"], "'b'"),
                (["account", "add"], "--vendor"),
                (["key", "create", "--expires-in-days", "soon"], "soon"),
                (["migrate", "down", "--steps"], "--steps"),
            ] {
                let finished = try run(try Surroundings.binary, arguments, environment: [:])
                #expect(finished.status == 64, "\(arguments)")
                #expect(finished.errors.hasPrefix("Error: "), "\(arguments)")
                #expect(finished.errors.contains(words), "\(arguments): \(finished.errors)")
                #expect(finished.output.isEmpty, "\(arguments)")
            }
        }

        @Test func isExplainedOnRequest() throws {
            let help = try kinora("--help")
            #expect(help.status == 0)
            for verb in [
                "serve", "work", "all", "migrate", "setup", "check", "key", "account", "user", "quota",
                "usage",
                "code",
                "model", "task", "setting", "webhook", "sandbox",
            ] {
                #expect(help.text.contains("  \(verb) "), "\(verb)")
                let own = try kinora(verb, "--help")
                #expect(own.status == 0)
                #expect(own.text.contains("USAGE: kinora \(verb)"))
            }
            #expect(try kinora("--version").text == "\(kinoraVersion)\n")
        }

        @Test(arguments: [
            ["serve"], ["work"], ["all"], ["migrate", "up"], ["setup"], ["key", "list"], ["account", "list"],
            ["model", "list"], ["task", "list"],
        ])
        func withoutADatabaseURLIsRefusedInOneLine(_ arguments: [String]) throws {
            let finished = try run(try Surroundings.binary, arguments, environment: [:])
            #expect(finished.status == 1)
            #expect(finished.errors == "kinora: DATABASE_URL is not set.\n")
            #expect(finished.output.isEmpty)
        }

        @Test(arguments: [
            ["migrate", "up"], ["setup"], ["key", "list"], ["key", "create"], ["account", "list"],
            ["model", "list"],
            ["task", "list"], ["task", "show", "sora-2-000000000000"],
            ["task", "cancel", "sora-2-000000000000"],
        ])
        func withTheDatabaseAwayEndsInOneLine(_ arguments: [String]) throws {
            let environment = [
                "DATABASE_URL": "postgresql://kinora:hush@/kinora?host=/nowhere",
                "KINORA_SQL_DIR": "\(Surroundings.repository)/sql",
            ]
            let finished = try run(try Surroundings.binary, arguments, environment: environment)
            #expect(finished.status == 1)
            #expect(finished.errors.split(separator: "\n").count == 1)
            #expect(finished.errors.hasPrefix("kinora: The service is temporarily unavailable. ("))
            #expect(!finished.errors.contains("hush"))
            #expect(finished.output.isEmpty)
        }
    }
}
