import Core
import Foundation
import TestSupport
import Testing

/// Limits as clients of several processes meet them.
extension GatewayTests {
    @Suite(.freshDatabase) struct CallerLimits {
        private static let submit = Call.post("/v1/videos", json: ["prompt": "a harbour", "seconds": "4"])

        private func key(_ site: Site, _ options: String...) throws -> String {
            let created = try site.kinora(["key", "create", "--json"] + options)
            return try #require(created.json["key"]?.stringValue, "\(created.errors)")
        }

        /// The sockets of two processes that serve the same site.
        private func serveTwice(_ site: Site) throws -> [FastCGIClient] {
            _ = try site.start("serve")
            _ = try site.start("serve", ["KINORA_SOCKET_DIR": "\(site.home)/s2"])
            return ["s", "s2"].map { FastCGIClient(socketPath: "\(site.home)/\($0)/fast.sock") }
        }

        private func send(_ call: Call, _ key: String, to client: FastCGIClient) throws -> Reply {
            let reply = try client.send(call.key(key).fastCGI)
            return Reply(status: reply.status, headers: reply.headers, body: reply.body)
        }

        private func age(_ site: Site, by seconds: Double) throws {
            try site.database.rows(
                "UPDATE request_permit SET used_at = used_at - interval '\(seconds) s'")
        }

        @Test func aKeysRequestsPerMinuteHoldAcrossProcesses() throws {
            try withSite { site in
                let key = try key(site, "--requests-per-minute", "60")
                let clients = try serveTwice(site)
                let replies = Box<[Reply]>([])
                try concurrently(24) { thread in
                    for _ in 0..<5 {
                        let reply = try send(Self.submit, key, to: clients[thread % 2])
                        replies.change { $0.append(reply) }
                    }
                }
                let accepted = replies.value.filter { $0.status == 200 }
                let refused = replies.value.filter { $0.status == 429 }
                #expect(accepted.count == 60)
                #expect(refused.count == 60)
                #expect(try site.database.tasks("queued") == 60)
                // Each of them was told another number of requests that are left.
                let left = accepted.compactMap { $0["x-ratelimit-remaining-requests"].flatMap(Int.init) }
                #expect(left.sorted() == Array(0..<60))
                #expect(accepted.allSatisfy { $0["x-ratelimit-limit-requests"] == "60" })
                #expect(accepted.allSatisfy { $0["x-ratelimit-reset-requests"] == "1m0s" })
                for reply in refused {
                    #expect(reply.errorCode == "rate_limit_exceeded")
                    #expect(reply.json["error"]?["type"] == "rate_limit_error")
                    #expect(reply["x-ratelimit-limit-requests"] == "60")
                    #expect(reply["x-ratelimit-remaining-requests"] == "0")
                    #expect((1...60).contains(reply["Retry-After"].flatMap(Int.init) ?? 0))
                }
                // Looking costs nothing, and nobody else is held up.
                for _ in 0..<20 {
                    #expect(try send(.get("/v1/videos"), key, to: clients[0]).status == 200)
                }
                let other = try send(Self.submit, site.key, to: clients[1])
                #expect(other.status == 200)
                #expect(other.headers.allSatisfy { !$0.name.lowercased().hasPrefix("x-ratelimit") })
            }
        }

        @Test func aRetryAfterTheTimeNamedSucceeds() throws {
            try withSite { site in
                let key = try key(site, "--requests-per-minute", "2")
                let clients = try serveTwice(site)
                for client in clients { #expect(try send(Self.submit, key, to: client).status == 200) }
                try age(site, by: 20)
                let refused = try send(Self.submit, key, to: clients[0])
                #expect(refused.status == 429)
                let seconds = try #require(refused["Retry-After"].flatMap(Int.init))
                #expect((1...40).contains(seconds))
                // As the client was told.
                try age(site, by: Double(seconds))
                #expect(try send(Self.submit, key, to: clients[1]).status == 200)
            }
        }

        @Test func aRepetitionIsAnsweredAndDoesNotCount() throws {
            try withSite { site in
                let key = try key(site, "--requests-per-minute", "2")
                let clients = try serveTwice(site)
                let once = Self.submit.with("Idempotency-Key", "once")
                let first = try send(once, key, to: clients[0])
                for client in clients + clients { #expect(try send(once, key, to: client).id == first.id) }
                let second = try send(Self.submit, key, to: clients[1])
                #expect(second.status == 200)
                #expect(second["x-ratelimit-remaining-requests"] == "0")
                #expect(try send(once, key, to: clients[1]).id == first.id)
            }
        }

        @Test func concurrentTasksHoldAcrossProcessesAndUsers() throws {
            try withSite { site in
                #expect(try site.kinora(["user", "create", "mai", "--concurrent-tasks", "5"]).status == 0)
                let keys = [
                    try key(site, "--user", "mai"), try key(site, "--user", "mai", "--concurrent-tasks", "2"),
                ]
                let clients = try serveTwice(site)
                let replies = Box<[Reply]>([])
                try concurrently(16) { thread in
                    for turn in 0..<2 {
                        let reply = try send(Self.submit, keys[turn], to: clients[thread % 2])
                        replies.change { $0.append(reply) }
                    }
                }
                #expect(replies.value.count { $0.status == 200 } == 5)
                let refused = replies.value.filter { $0.status == 429 }
                #expect(refused.count == 27)
                for reply in refused {
                    #expect(reply.errorCode == "concurrency_limit_exceeded")
                    #expect((1...3600).contains(reply["Retry-After"].flatMap(Int.init) ?? 0))
                }
                #expect(try site.database.tasks("queued") == 5)
                let id = try #require(replies.value.first { $0.status == 200 }?.id)
                #expect(try site.kinora(["task", "cancel", id]).status == 0)
                #expect(try send(Self.submit, keys[0], to: clients[0]).status == 200)
                #expect(try send(Self.submit, keys[0], to: clients[1]).status == 429)
            }
        }

        @Test func commandsChangeWhatRunningProcessesDo() throws {
            try withSite { site in
                let client = try serveTwice(site)[0]
                func status() throws -> Int { try send(Self.submit, site.key, to: client).status }
                func become(_ status: Int, _ arguments: String...) throws {
                    let finished = try site.kinora(arguments)
                    try #require(finished.status == 0, "\(finished.errors)")
                    try waitUntil("\(arguments) gives \(status)") {
                        try send(Self.submit, site.key, to: client).status == status
                    }
                }
                #expect(try status() == 200)
                try become(429, "key", "limit", site.key, "--concurrent-tasks", "1")
                try become(200, "key", "limit", site.key, "--concurrent-tasks", "0")
                try become(429, "user", "limit", "default", "--requests-per-minute", "1")
                try become(200, "user", "limit", "default", "--requests-per-minute", "0")
                try site.database.rows(
                    "UPDATE task SET state = 'cancelled', due_at = NULL, finished_at = now()")
                try site.database.rows("UPDATE account SET slots = 1")
                try become(429, "setting", "set", "max_waiting_tasks_sora", "0")
                let full = try send(Self.submit, site.key, to: client)
                #expect(full.errorCode == "queue_full")
                #expect((1...3600).contains(full["Retry-After"].flatMap(Int.init) ?? 0))
                try become(200, "setting", "unset", "max_waiting_tasks_sora")
                try become(429, "setting", "set", "max_waiting_tasks", "1")
                try become(200, "setting", "set", "max_waiting_tasks", "10000")
            }
        }
    }
}
