import Core
import Foundation
import TestSupport
import Testing

/// Tasks that are followed event by event, through nginx, in the words of every API.
extension GatewayTests {
    @Suite(.freshDatabase) struct Events {
        /// The addresses that show a task, each with the word that says it was cancelled.
        private static let addresses: [(path: String, field: [String], cancelled: String)] = [
            ("/v1/videos/sora-2-%@", ["status"], "cancelled"),
            ("/sora/v1/videos/sora-2-%@", ["status"], "cancelled"),
            ("/v1/tasks/sora-2-%@", ["status"], "failed"), ("/jimeng/v1/tasks/x-%@", ["status"], "failed"),
            ("/api/task/x-%@", ["status"], "failed"), ("/openart/api/task/x-%@", ["status"], "failed"),
            ("/api/video/status?jobId=job_%@", ["data", "status"], "cancelled"),
            ("/llmage/v1/tasks?taskid=x-%@", ["status"], "FAILED"),
        ]

        private struct Followed {
            let ids: [String]
            let data: [JSON]
            let comments: [Substring]
            let retry: Int?

            init(_ text: String) {
                let lines = text.split(separator: "\n")
                func values(_ name: String) -> [String] {
                    lines.filter { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.count + 2)) }
                }
                ids = values("id")
                data = values("data").compactMap { try? JSONParser.parse($0) }
                comments = lines.filter { $0.hasPrefix(":") }
                retry = values("retry").first.flatMap(Int.init)
            }
        }

        private func following(_ path: String, _ site: Site) -> Call {
            Call.get(path).key(site.key).with("Accept", "text/event-stream")
        }

        private func submit(_ site: Site) throws -> String {
            let call = Call.post("/v1/videos", json: ["prompt": "a cat — 猫", "seconds": "4"]).key(site.key)
            return try site.curl.send(call).id
        }

        /// Nobody works: tasks wait until they are cancelled.
        private func withWaitingTask(
            _ settings: [String: String] = [:], _ body: (Site, Program, _ id: String) throws -> Void
        ) throws {
            try withSite(settings) { site in
                let program = try site.start("serve")
                try site.startNginx()
                try body(site, program, try submit(site))
            }
        }

        private func cancel(_ id: String, _ site: Site) throws {
            #expect(try site.kinora(["task", "cancel", id]).status == 0)
        }

        private func status(_ json: JSON, _ field: [String]) -> String? {
            field.reduce(json) { $0[$1] ?? .null }.stringValue
        }

        @Test func everyChangeIsToldUntilTheFilmIsThere() throws {
            try withSite { site in
                // A film goes on by the clock while the machine stands still, and must not be over then.
                try site.startSandbox(taskSeconds: 10)
                _ = try site.start("all")
                let id = try submit(site)
                let reply = try site.curl.send(following("/v1/videos/\(id)", site))
                #expect(reply.status == 200 && reply["Content-Type"] == "text/event-stream; charset=utf-8")
                #expect(reply["X-Accel-Buffering"] == nil && reply["Content-Encoding"] == nil)
                #expect(reply["Cache-Control"] == "no-cache" && reply["X-Request-Id"] != nil)
                let events = Followed(reply.text)
                #expect(events.retry == 2000 && events.ids.count == events.data.count)
                #expect(Set(events.ids).count == events.ids.count && events.ids.last == "succeeded-100")
                #expect(Set(events.data.map(\.text)).count == events.data.count, "no event says nothing")
                let percents = events.data.compactMap { $0["progress"]?.integerValue }
                #expect(percents == percents.sorted() && percents.count >= 3, "\(percents)")
                let plain = try site.curl.send(Call.get("/v1/videos/\(id)").key(site.key))
                #expect(events.data.last == plain.json)
                let report = try site.curl.send(following("/api/video/status?jobId=\(id)", site))
                let url = Followed(report.text).data.last?["data"]?["resultUrl"]?.stringValue ?? ""
                let base = "https://localhost:\(site.port)"
                #expect(url.hasPrefix(base + "/media/"))
                #expect(try site.curl.send(.get(String(url.dropFirst(base.count)))).status == 200)
            }
        }

        /// Clients that follow tasks, and what each has heard so far.
        private final class Crowd {
            private let folder: Folder
            private let threads: [Core.Thread]
            private let count: Int

            /// One at each address, all at once; gone after so many seconds.
            init(_ paths: [String], _ site: Site, seconds: Int = 100) throws {
                let folder = try Folder()
                // A curl keeps no more than 300 under way.
                let parts = stride(from: 0, to: paths.count, by: 250).map { first in
                    first..<min(first + 250, paths.count)
                }
                threads = try parts.map { part in
                    let urls = part.map { index in
                        """
                        url = "https://localhost:\(site.port)\(paths[index])"
                        output = "\(folder.path)/\(index)"

                        """
                    }
                    let arguments = [
                        "-q", "--silent", "--http1.1", "--no-buffer", "--parallel", "--parallel-immediate",
                        "--parallel-max", "250", "--max-time", String(seconds), "--noproxy", "*",
                        "--cacert", "\(site.home)/tls/ca.pem", "--header", "Accept: text/event-stream",
                        "--header", "Authorization: Bearer \(site.key)", "--config", "-",
                    ]
                    let input = Array(urls.joined().utf8)
                    return try Core.Thread { _ = try? run("/usr/bin/curl", arguments, input: input) }
                }
                self.folder = folder
                count = paths.count
            }

            /// In the order of the addresses.
            var heard: [String] {
                (0..<count).map {
                    (try? String(contentsOfFile: "\(folder.path)/\($0)", encoding: .utf8)) ?? ""
                }
            }

            func waitUntilAllHear(_ word: String) throws {
                try waitUntil("all have heard of it", within: .seconds(60)) {
                    heard.allSatisfy { $0.contains("id: \(word)") }
                }
            }

            var isGone: Bool { threads.allSatisfy { $0.join(until: .now + .seconds(60)) } }
        }

        @Test func everyAPITellsInItsOwnWordsAndThenThatThereIsNothingNew() throws {
            try withWaitingTask { site, _, id in
                let paths = Self.addresses.map { $0.path.replacing("%@", with: id.suffix(12)) }
                let crowd = try Crowd(paths, site)
                try crowd.waitUntilAllHear("queued-0")
                try cancel(id, site)
                #expect(crowd.isGone)
                for ((path, address), text) in zip(zip(paths, Self.addresses), crowd.heard) {
                    let events = Followed(text)
                    #expect(events.data.count == 2 && events.ids == ["queued-0", "cancelled-0"], "\(path)")
                    #expect(status(events.data.last ?? .null, address.field) == address.cancelled, "\(path)")
                    let plain = try site.curl.send(Call.get(path).key(site.key))
                    #expect(plain.json == events.data.last, "\(path)")
                    let late = try site.curl.send(following(path, site))
                    #expect(Followed(late.text).data == [plain.json], "whoever comes late hears the end")
                    let back = following(path, site).with("Last-Event-ID", "cancelled-0")
                    let nothing = try site.curl.send(back)
                    #expect(nothing.status == 204 && nothing.body.isEmpty, "\(path)")
                    let behind = following(path, site).with("Last-Event-ID", "queued-0")
                    #expect(try site.curl.send(behind).status == 200)
                }
            }
        }

        @Test func whoDoesNotAskForEventsGetsJSON() throws {
            try withWaitingTask { site, _, id in
                for accept in [
                    "*/*", "text/*", "application/json", "text/event-stream;q=0",
                    "application/json, text/event-stream", "text/event-stream;q=0.5, application/json;q=0.6",
                ] {
                    let reply = try site.curl.send(
                        Call.get("/v1/videos/\(id)").key(site.key).with("Accept", accept))
                    #expect(reply.status == 200 && reply["Content-Type"] == "application/json", "\(accept)")
                    #expect(reply.json["status"] == "queued")
                }
                var head = following("/v1/videos/\(id)", site)
                head.method = "HEAD"
                let reply = try site.curl.send(head)
                #expect(reply.status == 200 && reply.body.isEmpty)
                #expect(reply["Content-Type"] == "text/event-stream; charset=utf-8")
                let models = try site.curl.send(following("/v1/models", site))
                #expect(models.status == 200 && models["Content-Type"] == "application/json")
            }
        }

        @Test func whatCannotBeFollowedIsRefusedBeforeAnyEvent() throws {
            try withWaitingTask { site, _, id in
                let made = try site.kinora(["key", "create", "--json", "--user", "stranger"])
                let stranger = made.json["key"]?.stringValue ?? ""
                try waitUntil("the key is known") {
                    try site.curl.send(Call.get("/v1/models").key(stranger)).status == 200
                }
                for address in Self.addresses {
                    let path = address.path.replacing("%@", with: id.suffix(12))
                    let theirs = Call.get(path).key(stranger).with("Accept", "text/event-stream")
                    let none = following(address.path.replacing("%@", with: "000000000000"), site)
                    for call in [theirs, none] {
                        let reply = try site.curl.send(call)
                        #expect(reply.status == 404 && reply["Content-Type"] == "application/json", "\(path)")
                        #expect(reply.json != .null)
                    }
                    let nobody = Call.get(path).with("Accept", "text/event-stream")
                    #expect(try site.curl.send(nobody).status == 401)
                }
            }
        }

        @Test func whoLeavesMakesRoomAndOneTooManyIsTold() throws {
            try withWaitingTask(["KINORA_RELAY_THREADS": "2"]) { site, _, id in
                let crowd = try Crowd(["/v1/videos/\(id)"], site, seconds: 12)
                try crowd.waitUntilAllHear("queued-0")
                let call = following("/v1/videos/\(id)", site)
                let other = try site.curl.send(call)
                #expect(other.status == 429 && other["Retry-After"] == "2", "\(other.text)")
                #expect(crowd.isGone)
                try waitUntil("there is room again") {
                    try site.curl.with("--max-time", "1").status(of: call) == 28
                }
                #expect(try site.database.tasks("queued") == 1, "nothing was cancelled")
            }
        }

        /// Three places: whoever has two of them leaves the third to others.
        @Test func aUserLeavesRoomForOthers() throws {
            try withWaitingTask(["KINORA_RELAY_THREADS": "6"]) { site, _, id in
                let crowd = try Crowd([String](repeating: "/v1/videos/\(id)", count: 2), site)
                try crowd.waitUntilAllHear("queued-0")
                for address in Self.addresses {
                    let path = address.path.replacing("%@", with: String(id.suffix(12)))
                    let third = try site.curl.send(following(path, site))
                    #expect(third.status == 429 && third["Retry-After"] == "2", "\(path) \(third.text)")
                    let error = third.json["error"]
                    let words = (error?["message"] ?? third.json["message"] ?? error)?.stringValue ?? ""
                    #expect(words.hasPrefix("You follow 2 tasks already"), "\(third.text)")
                }
                let made = try site.kinora(["key", "create", "--json", "--user", "other"])
                let other = made.json["key"]?.stringValue ?? ""
                var theirs = Reply(status: 401)
                try waitUntil("the key is known") {
                    let film = Call.post("/v1/videos", json: ["prompt": "a cat", "seconds": "4"]).key(other)
                    theirs = try site.curl.send(film)
                    return theirs.status != 401
                }
                let call = Call.get("/v1/videos/\(theirs.id)").key(other).with("Accept", "text/event-stream")
                #expect(try site.curl.with("--max-time", "1").status(of: call) == 28, "it is followed")
                try cancel(id, site)
                #expect(crowd.isGone)
            }
        }

        @Test func aStopEndsStreamsAndALaterCallGoesOn() throws {
            try withWaitingTask { site, program, id in
                let crowd = try Crowd(["/v1/videos/\(id)"], site)
                try crowd.waitUntilAllHear("queued-0")
                program.signal(SIGTERM)
                #expect(program.end() == 0, "a clean stop")
                #expect(crowd.isGone)
                #expect(crowd.heard.map { Followed($0).ids } == [["queued-0"]])
                _ = try site.start("serve")
                try cancel(id, site)
                let call = following("/v1/videos/\(id)", site)
                let back = try site.curl.send(call.with("Last-Event-ID", "queued-0"))
                #expect(Followed(back.text).ids == ["cancelled-0"])
            }
        }

        /// Short calls do not notice them.
        @Test func fiveHundredFollowAtOnce() throws {
            try withWaitingTask(["KINORA_RELAY_THREADS": "2000"]) { site, _, id in
                let crowd = try Crowd([String](repeating: "/v1/videos/\(id)", count: 500), site)
                try crowd.waitUntilAllHear("queued-0")
                let began = ContinuousClock.now
                let plain = try site.curl.send(Call.get("/v1/videos/\(id)").key(site.key))
                #expect(plain.status == 200 && began.duration(to: .now) < .seconds(30))
                try cancel(id, site)
                #expect(crowd.isGone)
                #expect(crowd.heard.count { Followed($0).ids == ["queued-0", "cancelled-0"] } == 500)
            }
        }
    }
}
