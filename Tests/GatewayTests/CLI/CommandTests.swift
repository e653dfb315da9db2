import Core
import Foundation
import TestSupport
import Testing

/// The commands, on a site whose processes do not run unless a test starts them.
extension GatewayTests {
    @Suite(.freshDatabase) struct Commands {
        // Keys

        @Test func aKeyWorksFromItsCreationToItsRevocation() throws {
            try withSite { site in
                _ = try site.start("serve")
                func status(_ key: String) throws -> Int {
                    try site.fast.connect().answer(to: Call.get("/v1/models").key(key).fastCGI).status
                }
                let created = try site.kinora(["key", "create", "--user", "mai", "--name", "a note"])
                #expect(created.status == 0)
                let key = created.text.trimmingCharacters(in: .newlines)
                let parsed = try #require(APIKey(key))
                #expect(
                    created.errors == "Shown once. Revoke it with: kinora key revoke \(parsed.publicID)\n")
                try waitUntil("the server knows the key") { try status(key) == 200 }

                let listed = try site.kinora(["key", "list", "--json"]).json.arrayValue?.last
                #expect(listed?["id"] == .string(parsed.publicID))
                #expect(listed?["user"] == "mai")
                #expect(listed?["name"] == "a note")
                #expect(listed?["state"] == "active")
                #expect(try !site.kinora(["key", "list"]).text.contains(parsed.secret.revealed()))

                let revoked = try site.kinora(["key", "revoke", parsed.publicID])
                #expect(revoked.status == 0)
                #expect(revoked.text == "revoked \(parsed.publicID)\n")
                try waitUntil("the server refuses the key") {
                    try status(key) == 401
                }
                #expect(try status(site.key) == 200)
                let again = "There is no active key '\(parsed.publicID)'. See `kinora key list`."
                expectFailure(try site.kinora(["key", "revoke", key]), again)
                #expect(
                    try site.kinora(["key", "list", "--json"]).json.arrayValue?.last?["state"] == "revoked")
            }
        }

        @Test func aKeyCanBeRevokedByItself() throws {
            try withSite { site in
                let key = try #require(try site.kinora(["key", "create", "--json"]).json["key"]?.stringValue)
                #expect(try site.kinora(["key", "revoke", key]).status == 0)
            }
        }

        @Test func aKeysOptionsAreChecked() throws {
            try withSite { site in
                func create(_ arguments: String...) throws -> Finished {
                    try site.kinora(["key", "create"] + arguments)
                }
                expectWrongUsage(
                    try create("--created-status", "204"), "--created-status must be 200 or 201.")
                expectWrongUsage(try create("--content", "bytes"), "--content must be serve or redirect.")
                expectWrongUsage(
                    try create("--expires-in-days", "0"), "--expires-in-days must be from 1 to 36500.")
                expectWrongUsage(
                    try create("--user", String(repeating: "u", count: 129)),
                    "--user must have 1 to 128 characters.")
                expectFailure(
                    try create("--models", "sora-2,sora-3"),
                    "Unknown model 'sora-3'. See `kinora model list`.")
                #expect(try site.kinora(["key", "list", "--json"]).json.arrayValue?.count == 1)
            }
        }

        // Accounts

        private func add(
            _ site: Site, _ change: [String: String] = [:], input: String = "sk-test-credential"
        ) throws
            -> Finished
        {
            let options = ["--vendor": "openai", "--name": "mine", "--base-url": "https://vendor.example/v1"]
                .merging(change) { $1 }
            return try site.kinora(
                ["account", "add"] + options.flatMap { [$0, $1] }, input: Array(input.utf8))
        }

        @Test func anAccountTakesItsCredentialFromInputOrAFile() throws {
            try withSite { site in
                let piped = try add(site, input: "  sk-test-piped\n")
                #expect(piped.status == 0)
                #expect(piped.text.wholeMatch(of: /added account \d+ mine\n/) != nil)
                let file = "\(site.home)/credential"
                try "sk-test-filed\n".write(toFile: file, atomically: true, encoding: .utf8)
                let proxy = "socks5h://127.0.0.1:1080"
                #expect(
                    try add(site, ["--name": "filed", "--credential-file": file, "--proxy": proxy]).status
                        == 0)
                #expect(
                    try site.database.rows("SELECT name, proxy_url FROM account ORDER BY id") == [
                        ["sandbox", nil], ["mine", nil], ["filed", proxy],
                    ])
                let list = try site.kinora(["account", "list", "--json"])
                #expect(
                    list.json.arrayValue?.compactMap { $0["name"]?.stringValue } == [
                        "sandbox", "mine", "filed",
                    ])
                #expect(!list.text.contains("sk-test"))
                // Sealed: not even a part of it is to be found in the row.
                let sealed = try site.database.rows("SELECT encode(credential_sealed, 'escape') FROM account")
                #expect(sealed.allSatisfy { $0[0]?.contains("sk-test") == false })
            }
        }

        @Test func anAccountThatMakesNoSenseIsRefused() throws {
            try withSite { site in
                #expect(try add(site).status == 0)
                expectFailure(try add(site), "There is already an account 'mine' for openai.")
                expectFailure(
                    try add(site, ["--vendor": "nobody", "--name": "b"]),
                    "Unknown vendor 'nobody'. Known: openai, openart, ark, byteplus, dashscope, vidu, zhipu, "
                        + "kling, jimeng, minimax, runway, luma, luma-agents, fal, replicate, hub, llmage, "
                        + "jimeng-api, sora-chat.")
                expectFailure(try add(site, ["--name": "c"], input: " \n"), "The credential is empty.")
                expectFailure(
                    try add(site, ["--name": "d", "--credential-file": "/nowhere/credential"]),
                    "Cannot read /nowhere/credential: No such file or directory")
                for url in ["vendor.example", "ftp://vendor.example", "https://a b.example", "https://"] {
                    expectWrongUsage(
                        try add(site, ["--name": "e", "--base-url": url]),
                        "--base-url must be an http or https URL.")
                }
                for proxy in ["proxy.example:3128", "ftp://proxy.example", "socks5://"] {
                    expectWrongUsage(
                        try add(site, ["--name": "e", "--proxy": proxy]),
                        "--proxy must be an http, https, socks4 or socks5 URL.")
                }
                expectWrongUsage(
                    try add(site, ["--name": "f", "--slots": "0"]), "--slots must be from 1 to 100000.")
                expectWrongUsage(try add(site, ["--name": ""]), "--name must have 1 to 128 characters.")
                let plain = try add(site, ["--name": "g", "--base-url": "http://vendor.example/v1"])
                #expect(plain.status == 0)
                #expect(plain.errors.contains("warning: the credential will travel unencrypted"))
            }
        }

        /// What the database says of a refused row quotes the row, sealed credential and all.
        @Test func aRefusedRowIsNotQuoted() throws {
            try withSite { site in
                try site.database.rows(
                    "ALTER TABLE account ADD CONSTRAINT account_none CHECK (id < 0) NOT VALID")
                let refused = try add(site)
                #expect(refused.status == 1)
                #expect(refused.errors.contains("account_none"))
                #expect(!refused.errors.contains("vendor.example"))
                #expect(!refused.errors.contains("\\x01"))
            }
        }

        @Test func aDisabledAccountGetsNoTasksUntilItIsEnabled() throws {
            try withSite { site in
                _ = try site.start("serve")
                func models() throws -> Int {
                    try site.fast.send("GET", "/v1/models").json["data"]?.arrayValue?.count ?? -1
                }
                let all = try models()
                #expect(all > 0)
                #expect(
                    try site.kinora(["account", "disable", "sandbox", "--reason", "holiday"]).text
                        == "sandbox: disabled\n")
                let row = try site.kinora(["account", "list", "--json"]).json.arrayValue?.first
                #expect(row?["state"] == "disabled")
                #expect(row?["reason"] == "holiday")
                try waitUntil("the server offers nothing") { try models() == 0 }
                let refused = try site.fast.send("POST", "/v1/videos", json: ["prompt": "x"])
                #expect(refused.status == 503)
                #expect(refused["Retry-After"] != nil)
                #expect(try site.kinora(["account", "enable", "sandbox"]).text == "sandbox: active\n")
                try waitUntil("the server offers all") { try models() == all }
                expectFailure(
                    try site.kinora(["account", "enable", "nobody"]),
                    "There is no account 'nobody'. See `kinora account list`.")
            }
        }

        // Models and tasks

        @Test func modelsAreListedWithWhoMakesThem() throws {
            try withSite { site in
                try site.database.rows("DELETE FROM route WHERE model_id = 'qwen3-max'")
                let models = try #require(try site.kinora(["model", "list", "--json"]).json.arrayValue)
                let ids = models.compactMap { $0["id"]?.stringValue }
                #expect(Set(ids).isSuperset(of: ["sora-2", "sora-2-pro", "gpt-4", "text-embedding-3-small"]))
                #expect(ids == ids.sorted())
                for (vendors, isAvailable) in [("openai", true), ("", false)] {
                    let theirs = models.filter { $0["vendors"]?.stringValue == vendors }
                    #expect(!theirs.isEmpty && theirs.allSatisfy { $0["available"] == .bool(isAvailable) })
                }
                let table = try site.kinora(["model", "list"]).text.split(separator: "\n")
                #expect(table.count == 1 + models.count)
                #expect(table[0].hasPrefix("ID "))
            }
        }

        @Test func aTaskCanBeListedShownAndCancelled() throws {
            try withSite { site in
                #expect(try site.kinora(["task", "list"]).text == "(none)\n")
                #expect(try site.kinora(["task", "list", "--json"]).json == [])
                _ = try site.start("serve")
                let submit = try site.fast.send(
                    "POST", "/v1/videos", json: ["prompt": "猫 in two\nlines", "seconds": "4"])
                let id = try #require(submit.json["id"]?.stringValue)
                let listed = try #require(try site.kinora(["task", "list", "--json"]).json.arrayValue?.first)
                #expect(listed["id"] == .string(id))
                #expect(listed["state"] == "queued")
                #expect(listed["prompt"] == "猫 in two\nlines")
                #expect(try site.kinora(["task", "list"]).text.split(separator: "\n").count == 2)
                #expect(try site.kinora(["task", "list", "--state", "failed"]).text == "(none)\n")

                let shown = try site.kinora(["task", "show", id, "--json"])
                #expect(shown.json["state"] == "queued")
                #expect(shown.json["input"]?["parameters"]?["seconds"] == 4)
                #expect(shown.json["waits"] == "no_worker")
                #expect(listed["waits"] == "no_worker")
                #expect(listed["reason"] == "an account is free, but no worker runs")
                let uuid = try #require(shown.json["uid"]?.stringValue)
                #expect(try site.kinora(["task", "show", uuid]).text.contains("state: queued"))

                #expect(try site.kinora(["task", "cancel", id]).text == "cancelled \(id)\n")
                #expect(try site.fast.send("GET", "/v1/videos/\(id)").json["status"] == "cancelled")
                expectFailure(
                    try site.kinora(["task", "cancel", id]), "There is no unfinished task '\(id)'.")
                for nonsense in ["sora-2-000000000000", "nonsense", ""] {
                    expectFailure(
                        try site.kinora(["task", "show", nonsense]), "There is no task '\(nonsense)'.")
                }
                expectWrongUsage(
                    try site.kinora(["task", "list", "--state", "lost"]),
                    "--state must be one of queued, running, storing, succeeded, failed, cancelled, expired.")
                expectWrongUsage(
                    try site.kinora(["task", "list", "--limit", "0"]), "--limit must be from 1 to 10000.")
            }
        }

        @Test func aReaderThatLeavesEarlyIsNoFault() throws {
            try withSite { site in
                try site.database.rows(
                    """
                    INSERT INTO api_key (user_id, public_id, secret_hash, name)
                    SELECT id, lpad(n::text, 12, '0'), decode(repeat('00', 32), 'hex'), repeat('x', 100)
                    FROM app_user, generate_series(1, 5000) AS n WHERE name = 'default'
                    """)
                let finished = try run(
                    "/bin/bash",
                    ["-c", "\"$0\" key list | head -n 1; echo ${PIPESTATUS[0]}", try Surroundings.binary],
                    environment: ["PATH": "/usr/bin:/bin", "DATABASE_URL": site.database.connection])
                let lines = finished.text.split(separator: "\n")
                #expect(lines.first?.hasPrefix("ID ") == true)
                // Ended by the closed pipe, like any Unix program, or quietly by itself.
                #expect(["0", "141"].contains(lines.last))
                #expect(finished.errors.isEmpty)
            }
        }
    }
}
