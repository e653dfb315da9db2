import Core
import Foundation
import TestSupport
import Testing

/// Webhooks as an operator sees them: added by a command, sent by a process, listed and sent again.
extension GatewayTests {
    @Suite(.freshDatabase) struct Webhooks {
        private func withReceiver(_ body: (Site, Receiver) throws -> Void) throws {
            let receiver = try Receiver()
            defer { receiver.stop() }
            try withSite(["KINORA_EGRESS_ALLOW": receiver.place]) { site in try body(site, receiver) }
        }

        private func add(_ site: Site, _ url: String) throws -> (id: String, secret: String) {
            let added = try site.kinora(["webhook", "add", "--user", "default", "--url", url, "--json"]).json
            guard let id = added["id"]?.integerValue, let secret = added["secret"]?.stringValue else {
                throw Failed("kinora webhook add")
            }
            return (String(id), secret)
        }

        /// Ends a task as an operator can.
        private func cancelATask(_ site: Site) throws {
            let id = TaskID.random()
            _ = try site.database.rows(
                """
                WITH t AS (INSERT INTO task (user_id, model_id, kind, category)
                    SELECT id, 'sora-2-pro', 'video', 't2v' FROM app_user WHERE name = 'default'
                    RETURNING id)
                INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
                SELECT id, '\(id)', 'test', '', '{}' FROM t
                """)
            #expect(try site.kinora(["task", "cancel", id.description]).status == 0)
        }

        @Test func areDeliveredListedAndSentAgain() throws {
            try withReceiver { site, receiver in
                let (id, secret) = try add(site, receiver.url)
                try cancelATask(site)
                let work = try site.start("work")
                #expect(receiver.waits(for: 1))
                let message = try #require(receiver.received.all.first)
                #expect(message.body.contains("task.cancelled"))
                func delivery() throws -> JSON? {
                    let list = ["webhook", "deliveries", "--endpoint", id, "--json"]
                    return try site.kinora(list).json.arrayValue?.first
                }
                try waitUntil("it is written down") { try delivery()?["state"] == "delivered" }
                #expect(try delivery()?["status"] == 204)
                #expect(try delivery()?["event"] == "task.cancelled")
                let row = try #require(try delivery()?["id"]?.integerValue)
                let replayed = try site.kinora(["webhook", "replay", String(row)])
                #expect(replayed.text == "delivery \(row) is pending\n")
                #expect(receiver.waits(for: 2))
                #expect(receiver.received.all[1].headers["webhook-id"] == message.headers["webhook-id"])
                #expect(!work.lines.joined().contains(secret))
                #expect(try site.kinora(["webhook", "deliveries", "--failed"]).text == "(none)\n")
            }
        }

        @Test func areSwitchedOnAgainAndRemoved() throws {
            try withReceiver { site, receiver in
                let (id, secret) = try add(site, receiver.url)
                receiver.answers { _ in Receiver.reply(410) }
                try cancelATask(site)
                _ = try site.start("work")
                func listed() throws -> JSON? {
                    try site.kinora(["webhook", "list", "--json"]).json.arrayValue?.first
                }
                try waitUntil("it is off") { try listed()?["enabled"] == false }
                #expect(try listed()?["reason"] == "the receiver answered 410 Gone")
                let failed = try site.kinora(["webhook", "deliveries", "--failed"])
                #expect(failed.text.contains("task.cancelled"))
                #expect(try site.kinora(["webhook", "enable", id]).text == "enabled \(id)\n")
                #expect(try listed()?["enabled"] == true)
                #expect(try !site.kinora(["webhook", "list"]).text.contains(secret))
                #expect(try site.kinora(["webhook", "remove", id]).text == "removed \(id)\n")
                #expect(try site.kinora(["webhook", "list", "--json"]).json == [])
                for verb in ["remove", "enable", "test"] {
                    let again = try site.kinora(["webhook", verb, id])
                    #expect(again.status == 1)
                    #expect(
                        again.errors == "kinora: There is no receiver \(id). See `kinora webhook list`.\n")
                }
                #expect(try site.kinora(["webhook", "replay", "1"]).status == 1)
            }
        }

        @Test func canBeTriedOut() throws {
            try withReceiver { site, receiver in
                let (id, _) = try add(site, receiver.url)
                let tried = try site.kinora(["webhook", "test", id])
                #expect(tried.status == 0)
                let message = try #require(receiver.received.all.first)
                #expect(tried.text == "204 \(message.headers["webhook-id"] ?? "")\n")
                #expect(message.headers["webhook-signature"]?.hasPrefix("v1,") == true)
                #expect(message.body.contains("webhook.test"))
                receiver.answers { _ in Receiver.reply(401, "who are you") }
                let refused = try site.kinora(["webhook", "test", id])
                #expect(refused.status == 1)
                #expect(refused.errors.hasSuffix("(HTTP 401 who are you)\n"))
                #expect(try site.kinora(["webhook", "deliveries"]).text == "(none)\n")
            }
        }

        @Test func neverReachAPrivateAddress() throws {
            try withReceiver { site, receiver in
                let other = try Receiver()
                defer { other.stop() }
                let (id, _) = try add(site, "https://localhost:\(other.port)/hook")
                let tried = try site.kinora(["webhook", "test", id])
                #expect(tried.errors.contains("not a public address"))
                try cancelATask(site)
                let work = try site.start("work")
                let line = try work.line(containing: "webhook failed")
                #expect(line.contains("KN414"))
                #expect(other.received.all.isEmpty)
            }
        }

        @Test func goOnlyToAddressesThatMakeSense() throws {
            try withReceiver { site, receiver in
                for url in [
                    "http://receiver.example/", "http://127.0.0.1:\(receiver.port + 1)/", "ftp://a.example/",
                    "https://", "https://user:password@a.example/",
                    "receiver.example",
                    "https://a b.example/", "https://a.example/#part",
                    "http://\(receiver.place)@evil.example/",
                ] {
                    let added = try site.kinora(["webhook", "add", "--user", "default", "--url", url])
                    #expect(added.status == 1, "\(url)")
                    #expect(added.errors.hasPrefix("kinora: --url must "), "\(url): \(added.errors)")
                }
                let unknown = try site.kinora(["webhook", "add", "--user", "nobody", "--url", receiver.url])
                #expect(unknown.errors == "kinora: There is no user 'nobody'.\n")
                #expect(try site.kinora(["webhook", "list", "--json"]).json == [])
                let added = try site.kinora(
                    ["webhook", "add", "--user", "default", "--url", "https://a.example/x?y=1"])
                #expect(added.text.wholeMatch(of: /whsec_[A-Za-z0-9+\/]{43}=\n/) != nil)
                #expect(added.errors.hasPrefix("Shown once. "))
            }
        }
    }
}
