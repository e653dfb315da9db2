import Core
import TestSupport
import Testing

/// `kinora account change`.
extension GatewayTests {
    @Suite(.freshDatabase) struct AccountChanges {
        private func facts(_ site: Site) throws -> [String?] {
            try site.database.rows("SELECT slots, weight, base_url, proxy_url FROM account")[0]
        }

        @Test func whatIsNamedChangesAndNothingElse() throws {
            try withSite { site in
                func change(_ arguments: String...) throws -> Finished {
                    try site.kinora(["account", "change", "sandbox"] + arguments)
                }
                let url = try facts(site)[2]
                let sealed = try site.database.rows("SELECT credential_sealed FROM account")
                #expect(try facts(site) == ["64", "1", url, nil])
                #expect(try change("--slots", "2").text == "changed openai/sandbox\n")
                #expect(try facts(site) == ["2", "1", url, nil])
                #expect(try change("--weight", "3", "--proxy", "http://proxy.example:3128").status == 0)
                #expect(try facts(site) == ["2", "3", url, "http://proxy.example:3128"])
                #expect(try change("--base-url", "https://vendor.example/v1", "--proxy", "").status == 0)
                #expect(try facts(site) == ["2", "3", "https://vendor.example/v1", nil])
                #expect(try site.database.rows("SELECT credential_sealed FROM account") == sealed)
                let plain = try change("--base-url", "http://vendor.example/v1")
                #expect(plain.errors.contains("warning: the credential will travel unencrypted"))
            }
        }

        @Test func anotherKeyMakesARefusedAccountWorkAgain() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.1)
                func change(_ key: String) throws -> Finished {
                    try site.kinora(["account", "change", "openai/sandbox", "--key"], input: Array(key.utf8))
                }
                func state() throws -> [String?] {
                    try site.database.rows("SELECT state, state_reason FROM account")[0]
                }
                try site.database.rows("UPDATE account SET state = 'invalid', state_reason = 'their words'")
                #expect(try site.kinora(["account", "change", "sandbox", "--slots", "9"]).status == 0)
                #expect(try state() == ["invalid", "their words"])
                expectFailure(try change(" \n"), "The credential is empty.")
                #expect(try state() == ["invalid", "their words"])

                #expect(try change("sk-elsewhere\n").status == 0)
                #expect(try state() == ["active", ""])
                #expect(try site.kinora(["account", "test", "sandbox"]).text.contains("upstream_credential"))
                #expect(try change("sk-sandbox-another\n").text == "changed openai/sandbox\n")
                #expect(try site.kinora(["account", "test", "sandbox"]).status == 0)

                #expect(try site.kinora(["account", "disable", "sandbox"]).status == 0)
                #expect(try change("sk-sandbox-third").status == 0)
                #expect(try state()[0] == "disabled")
            }
        }

        @Test func aChangeThatMakesNoSenseIsRefused() throws {
            try withSite { site in
                let cases: [(arguments: [String], words: String)] = [
                    ([], "Name what is to change."),
                    (["--slots", "100001"], "--slots must be from 1 to 100000."),
                    (["--weight", "0"], "--weight must be from 1 to 32767."),
                    (["--base-url", "vendor.example"], "--base-url must be an http or https URL."),
                    (["--base-url", ""], "--base-url must be an http or https URL."),
                    (["--proxy", "proxy.example"], "--proxy must be an http, https, socks4 or socks5 URL."),
                ]
                for (arguments, words) in cases {
                    expectWrongUsage(
                        try site.kinora(["account", "change", "sandbox"] + arguments), words)
                }
                expectFailure(
                    try site.kinora(["account", "change", "nobody", "--slots", "2"]),
                    "There is no account 'nobody'. See `kinora account list`.")
            }
        }
    }
}
