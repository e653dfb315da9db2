import Core
import Testing

extension GatewayTests {
    @Suite struct Waiting {
        /// Sends a submit that waits. Where nginx is not there to do it, the second half is sent by hand.
        private func sendAndWait(_ call: Call, _ gateway: Gateway) throws -> Reply {
            let reply = try gateway.send(call)
            guard let second = reply["X-Accel-Redirect"] else { return reply }
            #expect(second.wholeMatch(of: /\/_await\/v1\/videos\/[0-9a-f-]{36}\?await=\d+/) != nil)
            return try gateway.send(.get(String(second.dropFirst("/_await".count)) + "&wait=1"))
        }

        @Test(arguments: Doorway.allCases)
        func forTheEndAnswersWithIt(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let id = try gateway.submit("waited for").id
                let reply = try gateway.send(.get("/v1/videos/\(id)?wait=30"))
                #expect(reply.status == 200)
                #expect(reply.json["status"] == "completed")
                // A finished task is answered at once, however long the client would have waited.
                let start = ContinuousClock.now
                _ = try gateway.send(Call.get("/v1/videos/\(id)").with("Prefer", "wait=30"))
                #expect(start.duration(to: .now) < .seconds(20))
            }
        }

        @Test(arguments: Doorway.allCases)
        func thatRunsOutAnswersWithTheTaskAsItIs(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                try Instance.running().sandbox.hurry(taskSeconds: 30)
                defer { try? Instance.running().sandbox.hurry(taskSeconds: 0.2) }
                let id = try gateway.submit("a slow one").id
                let start = ContinuousClock.now
                let reply = try gateway.send(.get("/v1/videos/\(id)?wait=1"))
                #expect(reply.status == 200)
                #expect(["queued", "in_progress"].contains(reply.json["status"]?.stringValue))
                #expect(start.duration(to: .now) > .milliseconds(900))
            }
        }

        @Test(arguments: Doorway.allCases, ["abc", "-1", "601", "1e9"])
        func forNonsenseIsRefused(_ doorway: Doorway, seconds: String) throws {
            try withGateway(through: doorway) { gateway in
                let reply = try gateway.send(.get("/v1/videos/sora-2-000000000000?wait=\(seconds)"))
                #expect(reply.status == 400)
                #expect(reply.errorField == "wait")
            }
        }

        @Test(arguments: Doorway.allCases)
        func isWhatASynchronousSubmitDoes(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let submit = Call.post(
                    "/v1/videos", json: ["prompt": "in one go", "seconds": "4", "async_mode": false])
                let reply = try sendAndWait(submit, gateway)
                #expect(reply.status == 200)
                #expect(reply.json["status"] == "completed")
                #expect(reply.json["progress"] == 100)
                let form = Call.post(
                    "/v1/videos", form: [("prompt", "a form"), ("seconds", "4"), ("async_mode", "false")])
                #expect(try sendAndWait(form, gateway).json["status"] == "completed")
                let preferred = Call.post("/v1/videos", json: ["prompt": "preferred", "seconds": "4"])
                    .with("Prefer", "wait=60")
                #expect(try sendAndWait(preferred, gateway).json["status"] == "completed")
            }
        }

        @Test func tellsWhatIsLeftOfTheCallersLimit() throws {
            try withGateway(through: .nginx) { gateway in
                let key = try Keyring.shared.get().limited
                let submit = Call.post("/v1/videos", json: ["prompt": "in one go", "seconds": "4"]).key(key)
                let waiting = try gateway.send(submit.with("Prefer", "wait=60"))
                #expect(waiting.json["status"] == "completed")
                let accepted = try gateway.send(submit)
                for reply in [waiting, accepted] {
                    #expect(
                        reply.headers.filter { $0.name.lowercased() == "x-ratelimit-limit-requests" }
                            .map(\.value) == ["10000"])
                }
                let left = [waiting, accepted].compactMap { $0["x-ratelimit-remaining-requests"] }
                #expect(left == ["9999", "9998"])
                #expect(waiting["x-ratelimit-reset-requests"]?.hasSuffix("s") == true)
                let task = try gateway.send(.get("/v1/videos/\(accepted.id)?wait=30"))
                #expect(task.headers.allSatisfy { !$0.name.lowercased().hasPrefix("x-ratelimit") })
            }
        }

        @Test(arguments: Doorway.allCases)
        func tellsASynchronousSubmitHowItFailed(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let refused = Call.post(
                    "/v1/videos",
                    json: ["prompt": "[sandbox:content_refusal] no", "seconds": "4", "async_mode": false])
                let failed = try sendAndWait(refused, gateway)
                #expect(failed.status == 500)
                #expect(failed.errorCode == "sync_generation_failed")

                try Instance.running().sandbox.hurry(taskSeconds: 5)
                let slow = Call.post("/v1/videos", json: ["prompt": "a slow one", "seconds": "4"]).with(
                    "Prefer", "wait=1")
                let late = try sendAndWait(slow, gateway)
                try Instance.running().sandbox.hurry(taskSeconds: 0.2)
                #expect(late.status == 408)
                #expect(late.errorCode == "task_timeout")
                // The task itself goes on, and the answer says under which id.
                let id = try #require(late.json["error"]?["task_id"]?.stringValue)
                #expect(try gateway.finish(id).json["status"] == "completed")
            }
        }
    }
}
