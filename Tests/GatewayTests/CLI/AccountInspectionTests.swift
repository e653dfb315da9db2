import Core
import Foundation
import TestSupport
import Testing

/// `kinora account test` and `refresh`, against the sandbox behind nginx.
extension GatewayTests {
    @Suite(.freshDatabase) struct AccountInspections {
        @Test func anAccountIsTestedThroughTheWayOfItsTasks() throws {
            try withSite { site in
                let away = try site.kinora(["account", "test", "sandbox", "--json"])
                #expect(away.status == 1)
                #expect(away.json["ok"] == false)
                #expect(away.json["error"] == "upstream_unreachable")
                #expect(away.errors.contains("The upstream could not be reached."))

                try site.startSandbox(taskSeconds: 0.1)
                let well = try site.kinora(["account", "test", "sandbox"])
                #expect(well.status == 0, "\(well.errors)")
                #expect(well.text.wholeMatch(of: /openai\/sandbox: answers well, after \d+ ms\n/) != nil)
                let json = try site.kinora(["account", "test", "1", "--json"]).json
                #expect(json["ok"] == true && json["error"] == .null)
                #expect(json["latency_ms"]?.integerValue ?? -1 >= 0)

                try site.sandbox.arm(["fault": "wrong_key"])
                let refused = try site.kinora(["account", "test", "sandbox"])
                #expect(refused.status == 1)
                #expect(refused.text.hasPrefix("openai/sandbox: KN401 upstream_credential after "))
                let row = try site.kinora(["account", "list", "--json"]).json.arrayValue?.first
                #expect(row?["state"] == "active")
                #expect(row?["check_error"]?.stringValue?.hasPrefix("upstream_credential") == true)
                #expect(row?["checked_at"]?.stringValue != nil)

                let unknown = try site.kinora(["account", "test", "nobody"])
                #expect(unknown.status == 1)
                #expect(
                    unknown.errors == "kinora: There is no account 'nobody'. See `kinora account list`.\n")
            }
        }

        /// An account that cannot pay gets no work, until a refresh finds more credit.
        @Test func creditIsReadAndDecidesWhoWorks() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.1)
                _ = try site.start("all")
                let limitless = try site.kinora(["account", "refresh", "sandbox"])
                #expect(limitless.text == "openai/sandbox: without limit\n", "\(limitless.errors)")
                try site.sandbox.set(["credit": .decimal("0.15")])
                #expect(try site.kinora(["setting", "set", "low_credit_threshold", "1"]).status == 0)
                let low = try site.kinora(["account", "refresh", "--all"])
                #expect(low.text == "openai/sandbox: 0.15 credits\n")
                #expect(low.errors.contains("credit low"))
                #expect(try !site.kinora(["account", "refresh", "sandbox"]).errors.contains("credit low"))

                func submit() throws -> String {
                    let reply = try site.fast.send(
                        "POST", "/v1/videos", json: ["prompt": "a cat", "seconds": "4"])
                    return try #require(reply.json["id"]?.stringValue)
                }
                func status(_ id: String) throws -> JSON? {
                    try site.fast.send("GET", "/v1/videos/\(id)").json["status"]
                }
                let first = try submit()
                try waitUntil("the first is made") { try status(first) == "completed" }
                let second = try submit()
                try waitUntil("the vendor wants money") {
                    try site.kinora(["task", "show", second, "--json"]).json["waits"] == "credit"
                }
                try site.sandbox.set(["credit": 1])
                let more = try site.kinora(["account", "refresh", "sandbox", "--json"])
                #expect(more.json["credits"] == "0.9")
                try waitUntil("the second is made") { try status(second) == "completed" }
            }
        }

        /// Nobody runs a command: the worker finds the credit, and later that there is some again.
        @Test func workersReadCreditByThemselves() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.1)
                try site.sandbox.set(["credit": .decimal("0.15")])
                #expect(try site.kinora(["setting", "set", "low_credit_threshold", "1"]).status == 0)
                #expect(try site.kinora(["setting", "unset", "credits_refresh_minutes"]).status == 0)
                let work = try site.start("work")
                func credits() throws -> JSON? {
                    try site.kinora(["account", "list", "--json"]).json.arrayValue?.first?["credits"]
                }
                try waitUntil("it is read") { try credits() == "0.15" }
                try work.line(containing: "credit low")
                try site.sandbox.set(["credit": 2])
                try site.database.rows(
                    """
                    UPDATE account SET exhausted_at = now(), credits_asked_at = now() - interval '16 minutes';
                    UPDATE credit_turn SET free_at = now()
                    """)
                try waitUntil("it can pay again") {
                    try credits() == "2"
                        && site.database.rows("SELECT exhausted_at FROM account") == [[nil]]
                }
                // A vendor that does not answer holds up no end.
                try site.sandbox.arm(["fault": "hang"])
                try site.database.rows(
                    "UPDATE account SET credits_asked_at = NULL; UPDATE credit_turn SET free_at = now()")
                try waitUntil("it is asked") {
                    try site.database.rows(
                        "SELECT credits_asked_at IS NOT NULL AND free_at > now() + interval '1 min' "
                            + "FROM account, credit_turn") == [["t"]]
                }
                work.signal(SIGTERM)
                #expect(work.end() == 0)
            }
        }

        @Test func aRefreshIsOfOneAccountOrOfAll() throws {
            try withSite { site in
                for arguments in [[], ["sandbox", "--all"]] {
                    let wrong = try site.kinora(["account", "refresh"] + arguments)
                    #expect(wrong.status == 64)
                    #expect(wrong.errors.hasPrefix("Error: Name an account, or say --all.\n"))
                }
                #expect(try site.kinora(["account", "disable", "sandbox"]).status == 0)
                let none = try site.kinora(["account", "refresh", "--all"])
                #expect((none.status, none.text) == (0, ""))
            }
        }
    }
}
