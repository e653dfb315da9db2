import Core
import Foundation
import Synchronization
import Testing
import TestSupport

@testable import Sandbox

/// The sandbox as its clients see it, over FastCGI.
@Suite(.serialized) struct SandboxServerTests {
    @Test func aVideoIsMadeFromSubmitToDelete() throws {
        try withSandbox(render: .prompt) { sandbox in
            let accepted = try sandbox.submit("清晨的码头")
            #expect(accepted.status == 200 && accepted.json["status"] == "queued")
            #expect(accepted["x-request-id"]?.hasPrefix("req_") == true)
            #expect(accepted["openai-processing-ms"].flatMap(Int.init) != nil)
            let id = try #require(accepted.json["id"]?.stringValue)
            let early = try sandbox.client.send("GET", "/openai/v1/videos/\(id)/content")
            #expect(early.status == 404 && early.json["error"]?["type"] == "invalid_request_error")

            let done = try sandbox.finish(id)
            #expect(done["status"] == "completed" && done["prompt"] == "清晨的码头")
            for (variant, type) in [
                ("video", "video/mp4"), ("thumbnail", "image/webp"), ("spritesheet", "image/jpeg"),
            ] {
                let content = try sandbox.client.send(
                    "GET", "/openai/v1/videos/\(id)/content?variant=\(variant)")
                #expect(content.status == 200 && content["Content-Type"] == type)
                let file = try #require(sandbox.file(of: content))
                #expect(FileManager.default.fileExists(atPath: file))
            }
            sandbox.clock.advance(by: .seconds(3600))
            let late = try sandbox.client.send("GET", "/openai/v1/videos/\(id)/content")
            #expect(late.status == 404, "content can be had for an hour")
            let list = try sandbox.client.send("GET", "/openai/v1/videos").json
            #expect(list["data"]?.arrayValue?.map { $0["prompt"] } == ["清晨的码头"])
            #expect(list["first_id"]?.stringValue == id && list["has_more"] == false)
            let deleted = try sandbox.client.send("DELETE", "/openai/v1/videos/\(id)").json
            #expect(deleted == ["id": JSON(id), "object": "video.deleted", "deleted": true])
            #expect(try sandbox.client.send("GET", "/openai/v1/videos/\(id)").status == 404)
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(sandbox.folder.path)/films")
            #expect(left == ["spool"])
        }
    }

    @Test func aMultipartReferenceBecomesTheBackground() throws {
        try withSandbox(render: .prompt) { sandbox in
            let path = "\(sandbox.folder.path)/r.png"
            let source = ["-f", "lavfi", "-i", "color=red:s=1280x720", "-frames:v", "1"]
            try succeed("ffmpeg", ["-loglevel", "error"] + source + [path])
            let bytes = try #require(FileStore.bytes(of: path))
            func submit(_ size: String, _ bytes: [UInt8]) throws -> FastCGIReply {
                let fields = [("model", "sora-2"), ("prompt", "x"), ("seconds", "4"), ("size", size)]
                return try sandbox.client.send(
                    multipart(fields, files: [("input_reference", "a.txt", bytes)]))
            }
            let accepted = try submit("1280x720", bytes)
            let id = try #require(accepted.json["id"]?.stringValue)
            #expect(try sandbox.finish(id)["status"] == "completed")
            let wrongSize = try submit("720x1280", bytes)
            #expect(wrongSize.status == 400 && wrongSize.json["error"]?["param"] == "input_reference")
            #expect(try submit("1280x720", Array("<html>".utf8)).status == 400)
            #expect(try submit("1280x720", Array(bytes.prefix(12))).status == 400)
        }
    }

    @Test func keysAreCheckedAndTasksAreTheirKeysOwn() throws {
        try withSandbox { sandbox in
            let id = try #require(try sandbox.submit().json["id"]?.stringValue)
            var client = sandbox.client
            client.headers = []
            let bare = try client.send("GET", "/openai/v1/videos/\(id)")
            #expect(bare.status == 401 && bare.json["error"]?["message"] != nil)
            client.headers = [("Authorization", "Bearer sk-bad-1")]
            let bad = try client.send("GET", "/openai/v1/videos/\(id)")
            #expect(bad.status == 401 && bad.json["error"]?["code"] == "invalid_api_key")
            client.headers = [("Authorization", "Bearer sk-sandbox-two2")]
            #expect(try client.send("GET", "/openai/v1/videos/\(id)").status == 404)
            #expect(try client.send("GET", "/openai/v1/videos").json["data"] == [])
            #expect(try sandbox.stats()["strangers"] == 1, "a list asks for no task")
        }
    }

    @Test func countersTellWhatHappenedUntilTheReset() throws {
        try withSandbox { sandbox in
            for _ in 0..<3 { _ = try sandbox.submit() }
            _ = try sandbox.client.send("GET", "/openai/v1/videos/video_0")
            _ = try sandbox.client.send("POST", "/openai/v1/videos", json: ["seconds": 4])
            #expect(
                try sandbox.stats() == [
                    "accepted": 3, "by_vendor": ["openai": 3], "by_key": ["one1": 3], "polls": 1,
                    "strangers": 0, "talks_by_key": [:], "cuts": 0, "running": 3, "requests": 5,
                ])
            #expect(try sandbox.client.send("DELETE", "/_sandbox").status == 204)
            #expect(try sandbox.stats()["requests"] == 0)
            #expect(try sandbox.client.send("GET", "/openai/v1/videos").json["data"] == [])
        }
    }

    @Test func sixteenClientsAreCountedExactly() throws {
        try withSandbox(threads: 16) { sandbox in
            let good = Atomic<Int>(0)
            let threads = try (0..<16).map { _ in
                try Core.Thread { [client = sandbox.client] in
                    for _ in 0..<50 {
                        let reply = try? client.send("POST", "/openai/v1/videos", json: ["prompt": "x"])
                        if reply?.status == 200 { good.add(1, ordering: .relaxed) }
                    }
                }
            }
            for thread in threads { #expect(thread.join(until: .now + .seconds(60))) }
            #expect(good.load(ordering: .relaxed) == 800)
            #expect(try sandbox.stats()["accepted"] == 800)
        }
    }

    @Test(
        arguments: [
            ("rate_limit", 429, "rate_limit_exceeded"), ("concurrency", 429, "rate_limit_exceeded"),
            ("insufficient_quota", 429, "insufficient_quota"), ("server_error", 500, nil),
            ("unavailable", 503, nil),
            ("content_refusal", 400, "content_policy_violation"), ("wrong_key", 401, "invalid_api_key"),
        ] as [(String, Int, String?)])
    func aRefusingFaultAnswersAndAcceptsNothing(_ fault: String, _ status: Int, _ code: String?) throws {
        try withSandbox { sandbox in
            #expect(try sandbox.arm(["fault": JSON(fault), "retry_after": 7]).status == 200)
            let reply = try sandbox.submit()
            #expect(reply.status == status && reply.json["error"]?["code"] == JSON(code))
            let repeats = ["rate_limit", "concurrency", "unavailable"].contains(fault)
            #expect(reply["Retry-After"] == (repeats ? "7" : nil))
            #expect(try sandbox.stats()["accepted"] == 0)
            #expect(try sandbox.submit().status == 200, "one time was armed")

            let marked = try sandbox.submit("x [sandbox:\(fault)]")
            #expect(marked.status == status && marked["Retry-After"] == nil)
            let again = try sandbox.submit("x [sandbox:\(fault)]")
            #expect(again.status == (fault == "content_refusal" ? 400 : 200))
        }
    }

    @Test(arguments: [("bad_gateway", 502), ("html", 200)])
    func aProxysPageStandsInForTheVendor(_ fault: String, _ status: Int) throws {
        try withSandbox { sandbox in
            let reply = try sandbox.submit("[sandbox:\(fault)]")
            #expect(
                reply.status == status && reply["Content-Type"] == "text/html"
                    && reply.text.contains("<html>"))
            #expect(try sandbox.stats()["accepted"] == 0)
        }
    }

    @Test func aLostAnswerIsCountedAndNeverArrives() throws {
        try withSandbox { sandbox in
            let reply = try sandbox.submit("[sandbox:lost_answer]")
            #expect(reply.status == 0 && !reply.isComplete)
            #expect(try sandbox.stats()["accepted"] == 1)
            #expect(try sandbox.submit("[sandbox:lost_answer]").status == 200, "a second try gets through")
            #expect(try sandbox.stats()["accepted"] == 2, "and is counted a second time")
        }
    }

    @Test func aHalfClosedAnswerIsCutInTheMiddle() throws {
        try withSandbox { sandbox in
            let reply = try sandbox.submit("[sandbox:half_close]")
            let announced = reply["Content-Length"].flatMap(Int.init) ?? 0
            #expect(reply.status == 200 && !reply.isComplete && reply.body.count == announced / 2)
            #expect(try sandbox.stats()["accepted"] == 1)
        }
    }

    @Test func filmsCanBeCutAndTrickleToo() throws {
        try withSandbox { sandbox in
            let prompt = "[sandbox:half_close content] [sandbox:slow_body content]"
            let id = try #require(try sandbox.submit(prompt).json["id"]?.stringValue)
            _ = try sandbox.finish(id)
            let target = "/openai/v1/videos/\(id)/content"
            let cut = try sandbox.client.send("GET", target)
            #expect(!cut.isComplete && cut["Content-Type"] == "video/mp4" && cut.body.count > 100)
            let slow = try sandbox.client.send("GET", target)
            #expect(slow.isComplete && slow.body.count == slow["Content-Length"].flatMap(Int.init))
            let file = try #require(sandbox.file(of: try sandbox.client.send("GET", target)))
            #expect(FileStore.bytes(of: file) == slow.body)
        }
    }

    @Test func spoiledJSONIsSpoiled() throws {
        try withSandbox { sandbox in
            let cut = try sandbox.submit("[sandbox:truncated_json]")
            #expect(cut.isComplete && cut.status == 200 && cut.json == .null && cut.text.hasPrefix("{\"id\""))
            let other = try sandbox.submit("[sandbox:wrong_json]")
            #expect(other.status == 200 && other.json["ok"] == true && other.json["id"] == nil)
            #expect(try sandbox.stats()["accepted"] == 2)
        }
    }

    @Test func pollsGoWrongAsToldAndRecover() throws {
        try withSandbox { sandbox in
            let prompt = "[sandbox:unknown_status] [sandbox:server_error poll] [sandbox:truncated_json poll]"
            let id = try #require(try sandbox.submit(prompt).json["id"]?.stringValue)
            let target = "/openai/v1/videos/\(id)"
            #expect(try sandbox.client.send("GET", target).json["status"] == "pondering")
            #expect(try sandbox.client.send("GET", target).status == 500)
            #expect(try sandbox.client.send("GET", target).json == .null)
            #expect(try sandbox.client.send("GET", target).json["status"] == "queued")
            #expect(try sandbox.stats()["polls"] == 4)
        }
    }

    @Test func tasksFailVanishAndComeEmptyAsTold() throws {
        try withSandbox { sandbox in
            let failing = try #require(try sandbox.submit("[sandbox:fail]").json["id"]?.stringValue)
            let failed = try sandbox.finish(failing)
            #expect(failed["status"] == "failed" && failed["error"]?["code"] == "generation_failed")
            #expect(try sandbox.client.send("GET", "/openai/v1/videos/\(failing)/content").status == 400)

            let empty = try #require(try sandbox.submit("[sandbox:empty_result]").json["id"]?.stringValue)
            #expect(try sandbox.finish(empty)["status"] == "completed")
            for _ in 0..<2 {
                #expect(try sandbox.client.send("GET", "/openai/v1/videos/\(empty)/content").status == 404)
            }
            let lost = try #require(try sandbox.submit("[sandbox:not_found]").json["id"]?.stringValue)
            #expect(try sandbox.client.send("GET", "/openai/v1/videos/\(lost)").status == 404)
            #expect(try sandbox.stats()["accepted"] == 3)
        }
    }

    @Test func aHeldRequestEndsWithItsClientItsDelayOrTheSandbox() throws {
        try withSandbox(threads: 2) { sandbox in
            let request = FastCGIRequest(
                "POST", "/openai/v1/videos", headers: sandbox.client.headers, json: ["prompt": "a cat"])
            func isHeld() throws -> Bool {
                try eventually { try sandbox.client.send("GET", "/_sandbox/faults").json["faults"] == [] }
            }
            _ = try sandbox.arm(["fault": "hang"])
            let gone = try sandbox.client.connect()
            try gone.send(request.records())
            #expect(try isHeld())
            gone.close()
            #expect(try sandbox.arm(["fault": "hang", "delay_seconds": .decimal("0.2")]).status == 200)
            let started = ContinuousClock.now
            #expect(try sandbox.submit().status == 200)
            #expect(ContinuousClock.now - started >= .milliseconds(200))
            #expect(try sandbox.stats()["accepted"] == 1, "the one whose client went was not accepted")

            _ = try sandbox.arm(["fault": "hang"])
            let held = try sandbox.client.connect()
            try held.send(request.records())
            #expect(try isHeld())
            #expect(sandbox.server.drain(within: .seconds(30)))
            #expect(try held.readReply().isComplete == false)
        }
    }

    @Test func armedFaultsAreTakenBack() throws {
        try withSandbox { sandbox in
            for fault in ["unavailable", "rate_limit"] as [JSON] {
                _ = try sandbox.arm(["fault": fault, "times": 1000])
            }
            #expect(try sandbox.submit().status == 503)
            #expect(try sandbox.client.send("DELETE", "/_sandbox/faults").status == 204)
            #expect(try sandbox.client.send("GET", "/_sandbox/faults").json["faults"] == [])
            #expect(try sandbox.submit().status == 200)
        }
    }

    @Test func faultsAndSettingsAreListedAndChecked() throws {
        try withSandbox { sandbox in
            _ = try sandbox.arm(["fault": "rate_limit", "times": 3, "operation": "poll", "vendor": "openai"])
            let list = try sandbox.client.send("GET", "/_sandbox/faults").json["faults"]?.arrayValue
            #expect(list?.count == 1 && list?[0]["times"] == 3 && list?[0]["operation"] == "poll")
            for wrong in [
                ["fault": "x"], [:], ["fault": "hang", "times": 0], ["fault": "hang", "operation": "x"],
                ["fault": "fail", "operation": "poll"], ["fault": "hang", "vendor": "x"],
                ["fault": "hang", "surprise": 1], ["fault": "hang", "delay_seconds": -1],
            ] as [JSON] {
                let reply = try sandbox.arm(wrong)
                #expect(
                    reply.status == 400 && reply.json["error"]?.stringValue?.isEmpty == false, "\(wrong.text)"
                )
            }
            func set(_ json: JSON) throws -> FastCGIReply {
                try sandbox.client.send("POST", "/_sandbox/settings", json: json)
            }
            let changed = try set(["task_seconds": .decimal("0.5"), "accept_limit": 1]).json
            #expect(changed["task_seconds"]?.doubleValue == 0.5 && changed["render"] == "none")
            #expect(try sandbox.submit().status == 200)
            #expect(try sandbox.submit().status == 429)
            #expect(try set(["accept_limit": .null]).json["accept_limit"] == .null)
            #expect(try sandbox.submit().status == 200)
            for wrong in [["render": "x"], ["task_seconds": "3"], ["accept_limit": -1], ["x": 1], [1]]
                as [JSON]
            {
                #expect(try set(wrong).status == 400, "\(wrong.text)")
            }
        }
    }

    @Test func nonsenseGetsAnErrorAndNeverACrash() throws {
        try withSandbox { sandbox in
            func status(_ method: String, _ target: String, _ type: String, _ body: String) throws -> Int {
                let request = FastCGIRequest(
                    method, target, headers: [("Content-Type", type)], body: Array(body.utf8))
                return try sandbox.client.send(request).status
            }
            #expect(try status("POST", "/openai/v1/videos", "application/json", "{\"prompt\":") == 400)
            #expect(try status("POST", "/openai/v1/videos", "application/json", "\"x\"") == 400)
            #expect(try status("POST", "/openai/v1/videos", "multipart/form-data", "x") == 400)
            #expect(
                try status("POST", "/openai/v1/videos", "multipart/form-data; boundary=b", "--b\r\n") == 400)
            #expect(
                try status("POST", "/openai/v1/videos", "application/x-www-form-urlencoded", "prompt=x")
                    == 400)
            #expect(try status("POST", "/openai/v1/videos", "image/png", "x") == 400)
            #expect(try status("BREW", "/openai/v1/videos", "", "") == 405)
            #expect(try status("GET", "/openai", "", "") == 404)
            #expect(try status("GET", "/openai/%zz", "", "") == 400)
            #expect(try status("GET", "/", "", "") == 404)
            #expect(try status("GET", "/nobody/v1/videos", "", "") == 404)
            #expect(try status("POST", "/_sandbox/faults", "application/json", "{") == 400)
            #expect(try status("PUT", "/_sandbox/stats", "", "") == 405)
            #expect(try status("GET", "/_sandbox/x", "", "") == 404)
            let broken = try sandbox.client.connect()
            try broken.send([9, 9, 9, 9, 9, 9, 9, 9])
            broken.close()
            #expect(try sandbox.submit().status == 200)
        }
    }

    @Test func reuseAndNoneShareTheirFilms() throws {
        try withSandbox(render: .reuse) { sandbox in
            func film(_ prompt: String) throws -> String? {
                let id = try #require(try sandbox.submit(prompt).json["id"]?.stringValue)
                _ = try sandbox.finish(id)
                return try sandbox.client.send("GET", "/openai/v1/videos/\(id)/content")["X-Accel-Redirect"]
            }
            let first = try film("a")
            #expect(first == "/_rendered/film-reuse-720x1280-4.mp4")
            #expect(try film("b") == first)
            try sandbox.settings(["render": "none"])
            #expect(try film("c") == "/_rendered/film-none.mp4")
        }
    }

    @Test func modelsAreListed() throws {
        try withSandbox { sandbox in
            let list = try sandbox.client.send("GET", "/openai/v1/models").json
            #expect(list["object"] == "list")
            #expect(list["data"]?.arrayValue?.contains { $0["id"] == "sora-2-pro" } == true)
            #expect(try sandbox.client.send("GET", "/openai/v1/models/sora-2").json["object"] == "model")
            let unknown = try sandbox.client.send("GET", "/openai/v1/models/gpt-x")
            #expect(unknown.status == 404 && unknown.json["error"]?["code"] == "model_not_found")
        }
    }

    /// A umask belongs to the whole process: files that others make at the same moment must not get the mode
    /// of the socket.
    @Test func serversThatStartLeaveTheModesOfOtherFilesAlone() throws {
        let folder = try Folder()
        let isOver = Atomic<Bool>(false)
        let others = Mutex<Set<mode_t>>([])
        let maker = try Core.Thread {
            while !isOver.load(ordering: .relaxed) {
                let name = "\(folder.path)/\(UUID().uuidString)"
                var facts = stat()
                guard mkdir(name, 0o777) == 0, stat(name, &facts) == 0 else { continue }
                let mode = facts.st_mode & 0o777
                _ = others.withLock { $0.insert(mode) }
                rmdir(name)
            }
        }
        defer { _ = maker.join(until: .now + patience) }
        let before = try Self.umaskOfProcess()
        defer { isOver.store(true, ordering: .relaxed) }
        try #require(eventually { others.withLock { !$0.isEmpty } })
        try concurrently(4) { thread in
            for number in 0..<10 {
                let socket = "\(folder.path)/\(thread)-\(number).sock"
                let options = SandboxOptions(
                    socketPath: socket, renderDirectory: "\(folder.path)/\(thread)", threads: 1)
                let server = try SandboxServer(options, clock: ManualClock()) { _ in }
                try server.start()
                var facts = stat()
                #expect(stat(socket, &facts) == 0 && facts.st_mode & 0o777 == 0o660)
                _ = server.drain(within: .seconds(10))
            }
        }
        #expect(others.withLock { $0 } == [0o777 & ~before])
        #expect(try Self.umaskOfProcess() == before)
    }

    private static func umaskOfProcess() throws -> mode_t {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Umask:") })
        return try #require(mode_t(line.dropFirst(6).trimmingCharacters(in: .whitespaces), radix: 8))
    }
}
