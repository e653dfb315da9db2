import Core
import Foundation
import TestSupport
import Testing

/// PostgreSQL stops and comes back: a server of the test's own, since nobody else may notice.
extension GatewayTests {
    @Suite struct DatabaseAway {
        @Test func leavesKeysKnownAndEverythingElseForLater() throws {
            let cluster = try Cluster()
            try withSite(on: cluster.database) { site in
                let serve = try site.start("serve")
                try site.startNginx()
                let good = Call.get("/v1/videos/sora-2-000000000000").key(site.key)
                let submit = Call.post("/v1/videos", json: ["prompt": "x", "seconds": "4"]).key(site.key)
                #expect(try site.curl.send(good).status == 404)
                #expect(try site.curl.send(.get("/readyz")).status == 200)

                try cluster.stop()
                for call in [good, submit, Call.get("/v1/videos").key(site.key)] {
                    let reply = try site.curl.send(call)
                    #expect(reply.status == 503)
                    // A poll says so by the one code that its clients wait on.
                    let isPoll = call.target == good.target
                    #expect(reply.errorCode == (isPoll ? "429" : "database_unavailable"))
                    #expect(reply["Retry-After"].flatMap(Int.init) ?? 0 > 0)
                    #expect(!reply.text.contains("sockets"))
                }
                // What is known without the database stays known.
                #expect(try site.curl.send(Call.get("/v1/models").key(site.key)).status == 200)
                let start = ContinuousClock.now
                for _ in 0..<20 {
                    let reply = try site.curl.send(Call.get("/v1/videos").key("kn_wrong"))
                    #expect(reply.status == 401)
                }
                #expect(start.duration(to: .now) < .seconds(20 * 2))
                #expect(try site.curl.send(.get("/livez")).status == 200)
                #expect(try site.curl.send(.get("/readyz")).status == 503)
                #expect(try site.curl.send(.get("/api/health")).json["checks"]?["db"] == "error")

                try cluster.start()
                try waitUntil("the database is found again") { try site.curl.send(submit).status == 200 }
                #expect(try site.curl.send(good).status == 404)
                #expect(serve.isRunning)
                #expect(!serve.lines.contains { $0.contains("secret") })
            }
        }

        @Test(arguments: Cluster.End.allCases) func forAMomentCostsNoTask(_ end: Cluster.End) throws {
            let cluster = try Cluster()
            try withSite(on: cluster.database) { site in
                try site.startSandbox(taskSeconds: 3)
                let all = try site.start("all")
                for number in 0..<30 {
                    let submit = FastCGIRequest(
                        "POST", "/v1/videos", json: ["prompt": .string("\(number)"), "seconds": "4"])
                    #expect(try site.fast.send(submit).status == 200)
                }
                // Some are accepted by the vendor, others on their way, none finished.
                try waitUntil("some have arrived") { try site.sandbox.accepted() >= 5 }
                try cluster.end(end)
                try cluster.start()
                // One that was claimed and never sent is looked up for a while before it is sent again.
                try waitUntil("all are made", within: .seconds(180)) {
                    try site.database.tasks("succeeded") == 30
                }
                #expect(try site.sandbox.accepted() == 30)
                #expect(try site.database.slotsTaken() == 0)
                #expect(all.isRunning)
            }
        }

        @Test func atTheStartIsSaidInOneLine() throws {
            let cluster = try Cluster()
            try withSite(on: cluster.database) { site in
                try cluster.stop()
                for verb in ["serve", "work", "all"] {
                    let finished = try site.kinora([verb])
                    #expect(finished.status == 1)
                    #expect(finished.errors.split(separator: "\n").count == 1)
                    #expect(finished.errors.hasPrefix("kinora: The service is temporarily unavailable. ("))
                    #expect(!finished.errors.contains("secret"))
                }
            }
        }
    }
}
