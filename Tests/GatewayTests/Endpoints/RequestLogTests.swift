import Core
import Foundation
import TestSupport
import Testing

/// What the log of requests says of them, through nginx and a process of the test's own.
extension GatewayTests {
    @Suite(.freshDatabase) struct RequestLog {
        private func rows(_ site: Site, _ id: String) throws -> [[String?]] {
            try site.database.rows(
                """
                SELECT method, route, dialect, status, error_code, model, key_id IS NOT NULL,
                    duration_micros > 0 FROM request_log WHERE request_id = '\(id)' ORDER BY id
                """)
        }

        @Test func aRequestIsFoundByTheIDOfItsAnswer() throws {
            try withSite { site in
                _ = try site.start("serve")
                try site.startNginx()
                func send(_ call: Call) throws -> String {
                    try #require(try site.curl.send(call)["X-Request-Id"])
                }
                let submit = Call.post("/v1/videos", json: ["prompt": "a quiet harbour", "seconds": "4"])
                let accepted = try send(submit.key(site.key))
                let refused = try send(submit.key("kn_wrong"))
                let unknown = try send(.get("/v1/nowhere?api_key=secret"))
                let missing = try send(
                    Call.get("/v1/videos/sora-2-0123456789ab").key(site.key).with("X-Request-Id", "mine-1"))
                let read = try send(Call.get("/v1/models").key(site.key))
                #expect(missing == "mine-1")
                try waitUntil("they are written") {
                    try site.database.number("SELECT count(*) FROM request_log") == 4
                }
                let create = "/v1/videos"
                #expect(
                    try rows(site, accepted) == [
                        ["POST", create, "openai-videos", "200", nil, "sora-2", "t", "t"]
                    ])
                #expect(
                    try rows(site, refused) == [
                        ["POST", create, "openai-videos", "401", "invalid_api_key", nil, "f", "t"]
                    ])
                #expect(try rows(site, unknown) == [["GET", nil, nil, "404", "not_found", nil, "f", "t"]])
                #expect(
                    try rows(site, missing) == [
                        ["GET", "/v1/videos/:id", "openai-videos", "404", "task_not_found", nil, "t", "t"]
                    ])
                // A read that succeeds is noise, until somebody wants it.
                #expect(try rows(site, read).isEmpty)
                #expect(try site.database.number("SELECT count(*) FROM v_request_failure") == 3)
                let tasks = "SELECT task FROM request_log WHERE request_id = 'mine-1'"
                #expect(try site.database.rows(tasks) == [["0123456789ab"]])
            }
        }

        @Test func theSettingTakesEffectWhileItRuns() throws {
            try withSite { site in
                let serve = try site.start("serve")
                func count() throws -> Int { try site.database.number("SELECT count(*) FROM request_log") }
                #expect(try site.kinora(["setting", "set", "request_log", "3"]).status == 0)
                try waitUntil("reads are logged") {
                    _ = try site.fast.send("GET", "/v1/models")
                    return try count() > 0
                }
                // What was answered before the end is written at the end.
                let before = try count()
                for _ in 0..<20 { _ = try site.fast.send("GET", "/v1/models") }
                serve.signal(SIGTERM)
                #expect(serve.end() == 0)
                #expect(try count() >= before + 20)
                let names = try site.database.rows("SELECT name FROM event_log ORDER BY id")
                #expect(names.suffix(2) == [["stopping"], ["stopped"]])
            }
        }

        @Test func aDatabaseThatIsAwayCostsNoRequestAnything() throws {
            let cluster = try Cluster()
            try withSite(on: cluster.database) { site in
                _ = try site.start("serve")
                // Of one who has a key: strangers' failures are not all kept.
                let refused = FastCGIRequest("GET", "/v1/videos?limit=all")
                #expect(try site.fast.send(refused).status == 400)
                try cluster.stop()
                var costs: [Duration] = []
                for _ in 0..<200 {
                    let start = ContinuousClock.now
                    #expect(try site.fast.send(refused).status == 400)
                    costs.append(start.duration(to: .now))
                }
                #expect(costs.sorted()[100] < .milliseconds(50))
                try cluster.start()
                try waitUntil("all of it is written", within: .seconds(30)) {
                    try site.database.number("SELECT count(*) FROM request_log WHERE status = 400") == 201
                }
            }
        }
    }
}
