import Core
import Foundation
import TestSupport
import Testing

/// Processes that die in the middle of their work, and what becomes of it.
extension GatewayTests {
    @Suite(.freshDatabase) struct Recovery {
        /// Submits so many videos at once and gives the ids that were answered.
        private func submit(_ count: Int, to site: Site) throws -> [String] {
            let ids = Box<[String]>([])
            let client = site.fast
            try concurrently(10) { thread in
                for number in 0..<count where number % 10 == thread {
                    let reply = try client.send(
                        "POST", "/v1/videos", json: ["prompt": .string("film \(number)"), "seconds": "4"])
                    guard reply.status == 200, let id = reply.json["id"]?.stringValue else {
                        throw Failed("submit: \(reply.status) \(reply.text)")
                    }
                    ids.change { $0.append(id) }
                }
            }
            return ids.value
        }

        /// Every task succeeded, each was made once, and no slot is taken.
        private func expectAllMade(_ count: Int, _ site: Site, within limit: Duration = .seconds(90)) throws {
            try waitUntil("all \(count) are made", within: limit) {
                try site.database.tasks("succeeded") == count
            }
            #expect(try site.sandbox.accepted() == count)
            #expect(try site.database.slotsTaken() == 0)
            #expect(try site.database.number("SELECT count(*) FROM task") == count)
            #expect(
                try site.database.number("SELECT count(*) FROM task_asset WHERE role = 'result'") == count)
            #expect(
                try site.database.number("SELECT count(*) FROM attempt WHERE outcome = 'succeeded'") == count)
        }

        @Test func aKilledWorkersTasksAreFinishedByTheNext() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 4)
                _ = try site.start("serve")
                let first = try site.start("work")
                _ = try submit(50, to: site)
                try waitUntil("all 50 run") { try site.sandbox.accepted() == 50 }
                first.kill9()
                #expect(try site.database.tasks("running") + site.database.tasks("storing") > 0)
                _ = try site.start("work")
                try expectAllMade(50, site)
            }
        }

        /// The vendor has some of the tasks, the database does not know yet which.
        @Test func aWorkerKilledWhileItSubmitsLosesAndRepeatsNothing() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 2)
                _ = try site.start("serve")
                _ = try submit(50, to: site)
                let first = try site.start("work")
                try waitUntil("some have arrived") { try site.sandbox.accepted() >= 10 }
                first.kill9()
                _ = try site.start("work")
                // One that the vendor does not know is sent again when the first submit has surely ended: a
                // minute later.
                try expectAllMade(50, site, within: .seconds(180))
            }
        }

        @Test func everyProcessKilledAtOnceLosesAndRepeatsNothing() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 4)
                let roles = ["serve", "work", "work"]
                let first = try roles.map { try site.start($0) }
                _ = try submit(60, to: site)
                try waitUntil("all 60 run") { try site.sandbox.accepted() == 60 }
                for program in first { program.signal(SIGKILL) }
                for program in first { #expect(program.end() == 128 + SIGKILL) }
                _ = try roles.map { try site.start($0) }
                try expectAllMade(60, site)
            }
        }

        @Test func aKilledServerLosesNothingItAccepted() throws {
            try withSite { site in
                let first = try site.start("serve")
                let accepted = Box<[String]>([])
                let client = site.fast
                let loaders = try (0..<8).map { _ in
                    try Core.Thread {
                        while let reply = try? client.send(
                            "POST", "/v1/videos", json: ["prompt": "x", "seconds": "4"]),
                            reply.isComplete, let id = reply.json["id"]?.stringValue
                        { accepted.change { $0.append(id) } }
                    }
                }
                try waitUntil("there is load") { accepted.value.count > 100 }
                first.kill9()
                for loader in loaders { #expect(loader.join(until: .now + patience)) }
                _ = try site.start("serve")
                for id in accepted.value {
                    #expect(try site.fast.send("GET", "/v1/videos/\(id)").json["status"] == "queued")
                }
            }
        }

        @Test func twoWorkersShareTheWork() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.5)
                _ = try site.start("serve")
                let workers = try (0..<2).map { _ in try site.start("work") }
                // One that is quick may take a burst whole: so many bursts until the other had its turn too.
                var count = 0
                let both = try eventually(within: .seconds(60)) {
                    count += try submit(50, to: site).count
                    return workers.allSatisfy { $0.lines.contains { $0.contains("task submitted") } }
                }
                #expect(both)
                try expectAllMade(count, site)
                for worker in workers { #expect(!worker.lines.contains { $0.contains("lease lost") }) }
            }
        }

        @Test func aWorkerThatIsAskedToEndHandsItsTasksOn() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 2)
                _ = try site.start("serve")
                let first = try site.start("work")
                _ = try submit(30, to: site)
                try waitUntil("some have arrived") { try site.sandbox.accepted() >= 5 }
                first.signal(SIGTERM)
                #expect(first.end(within: patience) == 0)
                let next = try site.start("work")
                try expectAllMade(30, site)
                // Nobody has to find out first that the old one is dead.
                #expect(!next.lines.contains { $0.contains("tasks taken over") })
            }
        }

        @Test func withoutNotificationsPollingDoesTheSame() throws {
            try withSite(["KINORA_NOTIFY": "false"]) { site in
                try site.startSandbox(taskSeconds: 0.2)
                _ = try site.start("serve")
                _ = try site.start("work")
                let start = ContinuousClock.now
                _ = try submit(10, to: site)
                try expectAllMade(10, site, within: .seconds(90))
                #expect(start.duration(to: .now) < .seconds(60))
            }
        }

        @Test func aTaskIsPickedUpAtOnceAcrossProcesses() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.2)
                _ = try site.start("serve")
                let worker = try site.start("work")
                // One after the other: polling once a second would find three of ten so early.
                // Once that is so a machine that was busy has shown what it can do.
                var count = 0
                let isPrompt = try eventually(within: .seconds(90)) {
                    var prompt = 0
                    for _ in 1...10 {
                        count += 1
                        let start = ContinuousClock.now
                        _ = try submit(1, to: site)
                        try waitUntil("number \(count) is under way") { try site.sandbox.accepted() == count }
                        if start.duration(to: .now) < .milliseconds(300) { prompt += 1 }
                    }
                    return prompt >= 7
                }
                #expect(isPrompt)
                #expect(worker.isRunning)
            }
        }
    }
}
