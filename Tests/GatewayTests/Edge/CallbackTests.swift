import Core
import Crypto
import Foundation
import TestSupport
import Testing

@testable import Engine

/// Vendors' callbacks through nginx and a process, with the site's own master key.
extension GatewayTests {
    @Suite(.freshDatabase) struct Callbacks {
        private func token(_ site: Site, of task: TaskID) throws -> String {
            let text = try String(contentsOfFile: "\(site.home)/master.key", encoding: .utf8)
            let key = try #require(Hex.bytes(text.trimmingCharacters(in: .whitespacesAndNewlines)))
            return try Vault(masterKey: key).callbackToken(of: task, attempt: 1)
        }

        /// A task that waits at its vendor for an hour.
        private func addWaitingTask(_ site: Site) throws -> TaskID {
            let id = TaskID.random()
            _ = try site.database.rows(
                """
                WITH t AS (INSERT INTO task (user_id, model_id, kind, category, state, phase, attempt, due_at)
                    SELECT id, 'sora-2', 'video', 't2v', 'running', 'waiting', 1,
                        now() + interval '1 hour' FROM app_user WHERE name = 'default' RETURNING id),
                i AS (INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
                    SELECT id, '\(id)', 'test', '', '{}' FROM t)
                INSERT INTO attempt (task_id, number, account_id, slot, vendor_model, vendor_task_id,
                    accepted_at)
                SELECT t.id, 1, a.id, 1, 'sora-2', 'v', now() FROM t, account a
                """)
            return id
        }

        private func isDue(_ site: Site) throws -> Bool {
            try site.database.number("SELECT count(*) FROM task WHERE due_at <= now()") == 1
        }

        @Test func bringAPollForwardThroughNginx() throws {
            try withSite { site in
                let serve = try site.start("serve")
                try site.startNginx()
                let id = try addWaitingTask(site)
                let token = try token(site, of: id)
                func call(
                    _ token: String, _ body: [UInt8] = Array("{\"status\":\"failed\"}".utf8)
                ) throws -> Reply {
                    try site.curl.send(.post("/callback/\(token)", body, type: "application/json"))
                }
                let wrong = try call(token.dropLast() + (token.last == "0" ? "1" : "0"))
                #expect(wrong.status == 404)
                #expect(try call("nonsense").body == wrong.body)
                #expect(try !isDue(site))
                for size in [(64 << 10) + 1, 2 << 20] {
                    #expect(try call(token, [UInt8](repeating: 0x20, count: size)).status == 413)
                }
                #expect(try !isDue(site))

                let taken = try call(token, Array("this is no JSON".utf8))
                #expect(taken.status == 204)
                #expect(taken.body.isEmpty)
                #expect(try isDue(site))
                #expect(try call(token).status == 204, "again")
                _ = try site.database.rows("UPDATE task SET due_at = now() + interval '1 hour'")
                _ = try site.database.rows("UPDATE attempt SET hinted_at = now() + interval '1 minute'")
                #expect(try call(token).status == 204, "within the second")
                #expect(try !isDue(site))
                #expect(try site.curl.send(.get("/callback/\(token)")).status == 405)
                #expect(try site.database.rows("SELECT state, phase FROM task") == [["running", "waiting"]])
                #expect(!serve.lines.joined().contains(token.suffix(64)))
                try waitUntil("nginx has written its log") {
                    let log = try String(contentsOfFile: "\(site.home)/log/nginx-access.log", encoding: .utf8)
                    return log.contains("/callback/***") && !log.contains(token.suffix(64))
                }
            }
        }

        @Test func ofAVendorThatSignsNeedItsSignature() throws {
            try withSite { site in
                _ = try site.start("serve")
                try site.startNginx()
                let id = try addWaitingTask(site)
                _ = try site.database.rows("UPDATE account SET vendor = 'vidu'")
                let path = "/callback/\(try token(site, of: id))"
                let date = "Sun, 22 Nov 2026 08:00:00 GMT"
                let text = "POST\n\(path)\n\nvidu\n\(date)\nDate:\(date)\nx-request-nonce:雨\n"
                let key = SymmetricKey(data: Array("sk-sandbox-site".utf8))
                let code = Base64.encode(
                    Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)))
                let unsigned = Call.post(path, Array("{}".utf8), type: "application/json")
                #expect(try site.curl.send(unsigned).status == 403)
                #expect(try !isDue(site))
                let signed = unsigned.with("Date", date).with("x-request-nonce", "雨")
                    .with("X-HMAC-ALGORITHM", "hmac-sha256").with("X-HMAC-ACCESS-KEY", "vidu")
                    .with("X-HMAC-SIGNED-HEADERS", "Date;x-request-nonce").with("X-HMAC-SIGNATURE", code)
                #expect(try site.curl.send(signed).status == 204)
                #expect(try isDue(site))
            }
        }

        /// With a poll twenty seconds away, only the callback can have ended it so soon.
        @Test func endATaskEarly() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 1)
                _ = try site.database.rows("UPDATE route SET usual_seconds = 100000")
                _ = try site.start("all", ["KINORA_PUBLIC_URL": "https://localhost:\(site.port)"])
                let reply = try site.curl.send(
                    Call.post("/v1/videos", json: ["model": "sora-2", "prompt": "a cat", "seconds": "4"])
                        .key(site.key))
                #expect(reply.status == 200)
                let uid = try #require(try site.database.rows("SELECT uid FROM task_input")[0][0])
                try waitUntil("it is at its vendor") {
                    try site.database.number("SELECT count(*) FROM task WHERE phase = 'waiting'") == 1
                }
                let token = try token(site, of: try #require(TaskID(uuid: uid)))
                try waitUntil("it ends") {
                    let taken = try site.curl.send(.post("/callback/\(token)", [], type: "text/plain"))
                    #expect(taken.status == 204)
                    return try site.database.tasks("succeeded") == 1
                }
            }
        }

        @Test func areRefusedAlikeThroughEveryDoorway() throws {
            for doorway in Doorway.allCases {
                try withGateway(through: doorway) { gateway in
                    for token in ["x", "\(TaskID.random()).1.\(String(repeating: "0", count: 64))"] {
                        let reply = try gateway.sendAnonymously(
                            .post("/callback/\(token)", Array("{}".utf8), type: "application/json"))
                        #expect(reply.status == 404, "\(doorway)")
                    }
                }
            }
        }
    }
}
