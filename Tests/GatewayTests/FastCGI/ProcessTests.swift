import Core
import Foundation
import Glibc
import TestSupport
import Testing

/// `kinora serve` as a process: its sockets, its threads, its end.
extension GatewayTests {
    @Suite(.freshDatabase) struct Processes {
        @Test func makeSocketsThatOnlyTheirGroupMayUse() throws {
            try withSite { site in
                _ = try site.start("serve")
                for path in [site.fastSocket, site.slowSocket] {
                    var facts = stat()
                    #expect(stat(path, &facts) == 0)
                    #expect(facts.st_mode & S_IFMT == S_IFSOCK)
                    #expect(facts.st_mode & 0o777 == 0o660)
                }
            }
        }

        @Test func doNotTakeEachOthersSockets() throws {
            try withSite { site in
                let first = try site.start("serve")
                let second = try site.launch("serve")
                #expect(second.end() == 1)
                let words = second.lines.joined(separator: "\n")
                #expect(words.contains("Another process already serves \(site.fastSocket)."))
                #expect(words.split(separator: "\n").count == 1)
                // And the first has not noticed.
                #expect(first.isRunning)
                #expect(try site.fast.send("GET", "/v1/models").status == 200)
                #expect(try site.slow.send("GET", "/v1/models").status == 200)
            }
        }

        @Test func replaceWhatADeadOneLeft() throws {
            try withSite { site in
                try site.start("serve").kill9()
                #expect(FileManager.default.fileExists(atPath: site.fastSocket))
                #expect(throws: FastCGIConnection.Fault.self) { try site.fast.connect() }
                let next = try site.start("serve")
                #expect(try site.fast.send("GET", "/v1/models").status == 200)
                next.signal(SIGTERM)
                #expect(next.end() == 0)
                // One that ends properly leaves nothing.
                #expect(!FileManager.default.fileExists(atPath: site.fastSocket))
            }
        }

        private func threads(of program: Program) throws -> Int {
            let status = try String(contentsOfFile: "/proc/\(program.processID)/status", encoding: .utf8)
            return Int(status.firstMatch(of: /Threads:\s+(\d+)/)?.1 ?? "") ?? -1
        }

        @Test func answerShortCallsBesideThousandsOfConnections() throws {
            try withSite { site in
                let serve = try site.start("serve", ["KINORA_FAST_THREADS": "4"])
                let before = try threads(of: serve)
                let connections = try (0..<3000).map { number in
                    let connection = try site.fast.connect()
                    if number % 3 == 0 {
                        var request = FastCGIRequest("GET", "/livez")
                        request.keepsConnection = true
                        #expect(try connection.answer(to: request).status == 200)
                    }
                    return connection
                }
                #expect(try threads(of: serve) == before)
                let start = ContinuousClock.now
                for _ in 0..<50 { #expect(try site.fast.send("GET", "/v1/models").status == 200) }
                #expect(start.duration(to: .now) < .seconds(20))
                withExtendedLifetime(connections) {}
            }
        }

        /// User and system time in hundredths of a second.
        private func ticks(of program: Program) throws -> Int {
            let text = try String(contentsOfFile: "/proc/\(program.processID)/stat", encoding: .utf8)
            let fields = text.split(separator: ")").last?.split(separator: " ").compactMap { Int($0) } ?? []
            return fields.count > 11 ? fields[9] + fields[10] : -1
        }

        @Test func surviveRunningOutOfDescriptors() throws {
            try withSite { site in
                let serve = try site.start("serve", ["KINORA_FAST_THREADS": "4"])
                let limited = try run(
                    "/usr/bin/prlimit", ["--pid", String(serve.processID), "--nofile=64:64"])
                #expect(limited.status == 0)
                let connections = try (0..<100).map { _ in try site.fast.connect() }
                let before = try ticks(of: serve)
                // Waits for one that cannot be accepted, in vain, and without burning the processor
                // meanwhile.
                var patient = site.fast
                patient.timeoutSeconds = 1
                #expect(throws: FastCGIConnection.Fault.self) { try patient.send("GET", "/livez") }
                #expect(try ticks(of: serve) - before < 30)
                for connection in connections { connection.close() }
                #expect(try site.fast.send("GET", "/v1/models").status == 200)
                #expect(serve.isRunning)
            }
        }

        private func hasAnswer(_ connection: FastCGIConnection) -> Bool {
            var item = pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&item, 1, 0) > 0
        }

        @Test func answerShortCallsWhileAllPatientThreadsAreTaken() throws {
            try withSite { site in
                _ = try site.start("serve", ["KINORA_FAST_THREADS": "4", "KINORA_SLOW_THREADS": "8"])
                // Nobody works here: the task stays queued until it is cancelled.
                let submit = try site.fast.send("POST", "/v1/videos", json: ["prompt": "x", "seconds": "4"])
                let id = try #require(submit.json["id"]?.stringValue)
                let slow = site.slow
                var wait = FastCGIRequest("GET", "/v1/videos/\(id)?wait=60")
                wait.headers = slow.headers
                // Half of the threads may wait for tasks, three quarters of those for one user's; who comes
                // then is answered at once, one by one.
                func waiter() throws -> FastCGIConnection {
                    let connection = try slow.connect()
                    try connection.send(wait.records())
                    return connection
                }
                var waiters = try (0..<3).map { _ in try waiter() }
                try waitUntil("three wait") {
                    let start = ContinuousClock.now
                    let status = try slow.send("GET", "/v1/videos/\(id)?wait=1").json["status"]
                    #expect(status == "queued")
                    if start.duration(to: .now) < .milliseconds(500) { return true }
                    // This look was one of the three, and one of the others may have been turned away for it.
                    waiters = try waiters.map { try hasAnswer($0) ? waiter() : $0 }
                    return false
                }
                // The others hear the beginning of a request, and no more.
                let stallers = try (0..<5).map { _ in
                    let connection = try slow.connect()
                    try connection.send(Array(wait.records().prefix(40)))
                    return connection
                }
                let start = ContinuousClock.now
                for _ in 0..<100 {
                    #expect(try site.fast.send("GET", "/v1/videos/\(id)").json["status"] == "queued")
                }
                #expect(start.duration(to: .now) < .seconds(20))
                #expect(try site.kinora(["task", "cancel", id]).status == 0)
                for waiter in waiters { #expect(try waiter.readReply().json["status"] == "cancelled") }
                for staller in stallers { staller.close() }
                #expect(try slow.send("GET", "/v1/videos/\(id)").status == 200)
            }
        }

        @Test(arguments: [SIGTERM, SIGINT])
        func finishWhatTheyAcceptedWhenAskedToEnd(_ signal: Int32) throws {
            try withSite { site in
                let serve = try site.start("serve", ["KINORA_FAST_THREADS": "4"])
                let client = site.fast
                let answered = Box<[String]>([]), lost = Box<[String]>([])
                let loaders = try (0..<16).map { thread in
                    try Core.Thread {
                        for number in 0... {
                            // Once it is gone nobody can connect, and a request that is not sent is not lost.
                            guard let connection = try? client.connect() else { return }
                            var request = FastCGIRequest(
                                "POST", "/v1/videos", json: ["prompt": "x", "seconds": "4"])
                            request.headers += client.headers
                            do {
                                let reply = try connection.answer(to: request)
                                let isWhole = reply.isComplete && reply.status == 200
                                let id =
                                    reply.json["id"]?.stringValue ?? "\(thread)-\(number): \(reply.status)"
                                (isWhole ? answered : lost).change { $0.append(id) }
                            } catch { lost.change { $0.append("\(thread)-\(number): \(error)") } }
                        }
                    }
                }
                try waitUntil("there is load") { answered.value.count > 200 }
                serve.signal(signal)
                // By its status it was in time.
                #expect(serve.end(within: patience) == 0)
                for loader in loaders { #expect(loader.join(until: .now + patience)) }
                #expect(lost.value == [])
                #expect(try site.database.number("SELECT count(*) FROM task") == answered.value.count)
            }
        }

        /// nginx keeps its connections and may send a request on one at the very moment the process ends.
        @Test func loseNoAcceptedTaskBehindNginxEither() throws {
            try withSite { site in
                let serve = try site.start("serve", ["KINORA_FAST_THREADS": "4"])
                try site.startNginx()
                let operation = [
                    "url = \"\(site.curl.base)/v1/videos\"", "cacert = \"\(site.curl.authority)\"", "silent",
                    "header = \"Authorization: Bearer \(site.key)\"",
                    "header = \"Content-Type: application/json\"",
                    #"data = "{\"prompt\": \"x\", \"seconds\": \"4\"}""#, "output = /dev/null",
                    "noproxy = \"*\"", "write-out = \"%{http_code}\\n\"",
                ].joined(separator: "\n")
                let path = "\(site.home)/load"
                try Array(repeating: operation, count: 500).joined(separator: "\nnext\n")
                    .write(toFile: path, atomically: true, encoding: .utf8)
                let statuses = Box<[String]>([])
                let loaders = try (0..<4).map { _ in
                    try Core.Thread {
                        let finished = try? run("/usr/bin/curl", ["-q", "--config", path])
                        let lines = (finished?.text ?? "").split(separator: "\n").map(String.init)
                        statuses.change { $0 += lines }
                    }
                }
                try waitUntil("there is load") { try site.database.number("SELECT count(*) FROM task") > 100 }
                serve.signal(SIGTERM)
                #expect(serve.end(within: patience) == 0)
                for loader in loaders { #expect(loader.join(until: .now + .seconds(60))) }
                let answered = statuses.value.count { $0 == "200" }
                #expect(statuses.value.count == 2000)
                #expect(answered < 2000)
                #expect(Set(statuses.value).isSubset(of: ["200", "502", "503"]))
                #expect(try site.database.number("SELECT count(*) FROM task") == answered)
            }
        }

        /// nginx does not keep a connection that has bytes behind the end of a request. A close alone would
        /// come too late for a request that crosses with it.
        @Test func sayWithTheLastAnswerThatAConnectionIsNotKept() throws {
            try withSite { site in
                let serve = try site.start("serve")
                var request = FastCGIRequest("GET", "/livez")
                request.keepsConnection = true
                let (first, second) = (try site.fast.connect(), try site.fast.connect())
                for connection in [first, second] {
                    #expect(try connection.answer(to: request).status == 200)
                }
                serve.signal(SIGTERM)
                try waitUntil("nobody new can connect") {
                    !FileManager.default.fileExists(atPath: site.fastSocket)
                }
                // A request that was under way to it.
                let last = try first.answer(to: request)
                #expect(last.isComplete && last.status == 200)
                #expect(try first.receive(byteCount: 1) == [0])
                #expect(try first.receive(byteCount: 1) == nil)
                // It waits until whoever keeps a connection lets it go.
                #expect(serve.isRunning)
                second.close()
                #expect(serve.end() == 0)
            }
        }

        @Test func sendWaitersHomeWhenAskedToEnd() throws {
            try withSite { site in
                let serve = try site.start("serve")
                let submit = try site.fast.send("POST", "/v1/videos", json: ["prompt": "x", "seconds": "4"])
                let id = try #require(submit.json["id"]?.stringValue)
                let connections = try (0..<10).map { _ in
                    let connection = try site.slow.connect()
                    var request = FastCGIRequest("GET", "/v1/videos/\(id)?wait=300")
                    request.headers = site.slow.headers
                    try connection.send(request.records())
                    return connection
                }
                // The slow pool has read them when it answers one that came later.
                #expect(try site.slow.send("GET", "/v1/models").status == 200)
                serve.signal(SIGTERM)
                for connection in connections {
                    let reply = try connection.readReply()
                    #expect(reply.isComplete)
                    #expect(reply.json["status"] == "queued")
                }
                #expect(serve.end() == 0)
            }
        }
    }
}
