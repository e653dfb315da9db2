import Core
import Foundation
import Testing

extension GatewayTests {
    @Suite struct Videos {
        @Test(arguments: Doorway.allCases)
        func areUnderWayAsSoonAsTheyAreCreated(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let reply = try gateway.submit("a cat — 猫 \u{1F408}", ["size": "720x1280"])
                #expect(reply.status == 200)
                #expect(reply.id.wholeMatch(of: /sora-2-[0-9a-f]{12}/) != nil)
                let json = reply.json
                #expect(json["object"] == "video")
                #expect(json["model"] == "sora-2")
                #expect(json["status"] == "in_progress")
                #expect(json["progress"] == 0)
                #expect(json["seconds"] == "4")
                #expect(json["size"] == "720x1280")
                #expect(json["prompt"] == "a cat — 猫 \u{1F408}")
                let age = Int64(Date.now.timeIntervalSince1970) - (json["created_at"]?.integerValue ?? 0)
                #expect((-2...30).contains(age))
                #expect(reply["Cache-Control"] == "no-store")
            }
        }

        @Test(arguments: Doorway.allCases)
        func canBeSentAsAForm(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let reply = try gateway.send(
                    .post(
                        "/v1/videos",
                        form: [("model", "sora-2"), ("prompt", "a boat"), ("seconds", "8"), ("size", "")]))
                #expect(reply.status == 200)
                #expect(reply.json["seconds"] == "8")
                #expect(reply.json["size"] == "1280x720")
                let encoded = Array("prompt=a+red%20boat&seconds=4&orientation=Portrait".utf8)
                let urlencoded = try gateway.send(
                    .post("/v1/videos", encoded, type: "application/x-www-form-urlencoded"))
                #expect(urlencoded.json["prompt"] == "a red boat")
                #expect(urlencoded.json["size"] == "720x1280")
            }
        }

        @Test(arguments: Doorway.allCases)
        func areFoundByTheirIdUntilTheyAreDeleted(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                try Instance.running().sandbox.hurry(taskSeconds: 4)
                defer { try? Instance.running().sandbox.hurry(taskSeconds: 0.2) }
                let id = try gateway.submit("found and lost").id
                #expect(try gateway.send(.get("/v1/videos/\(id)")).json["prompt"] == "found and lost")
                // Any other spelling of the same id finds it too.
                #expect(try gateway.send(.get("/v1/videos/task_\(id.suffix(12))")).id == id)

                let tooEarly = try gateway.send(.delete("/v1/videos/\(id)"))
                #expect(tooEarly.status == 409)
                #expect(tooEarly.errorCode == "task_not_final")
                #expect(tooEarly["Retry-After"] != nil)

                let finished = try gateway.finish(id)
                #expect(finished.json["status"] == "completed")
                #expect(finished.json["progress"] == 100)
                #expect(finished.json["completed_at"]?.integerValue != nil)

                let deleted = try gateway.send(.delete("/v1/videos/\(id)"))
                #expect(deleted.status == 200)
                #expect(deleted.json == ["id": .string(id), "object": "video.deleted", "deleted": true])
                for call in [
                    Call.get("/v1/videos/\(id)"), .get("/v1/videos/\(id)/content"),
                    .delete("/v1/videos/\(id)"),
                ] {
                    let gone = try gateway.send(call)
                    #expect(gone.status == 404)
                    #expect(gone.errorCode == "task_not_found")
                }
            }
        }

        @Test(arguments: Doorway.allCases)
        func areListedInPages(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let ids = try (1...3).map { try gateway.submit("number \($0)").id }
                func page(_ query: String) throws -> Reply { try gateway.send(.get("/v1/videos?\(query)")) }
                func listed(_ reply: Reply) -> [String] {
                    reply.json["data"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
                }
                let first = try page("limit=2")
                #expect(listed(first) == [ids[2], ids[1]])
                #expect(first.json["has_more"] == true)
                #expect(first.json["first_id"] == .string(ids[2]))
                #expect(first.json["last_id"] == .string(ids[1]))
                #expect(listed(try page("limit=1&after=\(ids[1])")) == [ids[0]])
                #expect(listed(try page("order=asc&after=\(ids[0])&limit=5")) == [ids[1], ids[2]])
                #expect(try page("order=asc&after=\(ids[1])").json["has_more"] == false)
                #expect(listed(try page("limit=0")).isEmpty)
            }
        }

        @Test(arguments: Doorway.allCases, ["limit=101", "limit=-1", "limit=x", "order=up"])
        func areNotListedByNonsense(_ doorway: Doorway, query: String) throws {
            try withGateway(through: doorway) { gateway in
                let reply = try gateway.send(.get("/v1/videos?\(query)"))
                #expect(reply.status == 400)
                #expect(reply.errorField == String(query.prefix { $0 != "=" }))
            }
        }

        @Test(arguments: Doorway.allCases)
        func areRemixedOnceTheyAreFinished(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                try Instance.running().sandbox.hurry(taskSeconds: 4)
                defer { try? Instance.running().sandbox.hurry(taskSeconds: 0.2) }
                let source = try gateway.submit("the source", ["size": "720x1280"]).id
                let remix = Call.post("/v1/videos/\(source)/remix", json: ["prompt": "the same, in winter"])
                let tooEarly = try gateway.send(remix)
                #expect(tooEarly.status == 400)
                #expect(tooEarly.errorCode == "task_not_completed")

                #expect(try gateway.finish(source).json["status"] == "completed")
                let reply = try gateway.send(remix)
                #expect(reply.status == 200)
                #expect(reply.json["remixed_from_video_id"] == .string(source))
                #expect(reply.json["size"] == "720x1280")
                #expect(reply.json["seconds"] == "4")
                let byField = try gateway.submit("by field", ["remix_target_id": .string(source)])
                #expect(byField.json["remixed_from_video_id"] == .string(source))
                #expect(try gateway.finish(reply.id).json["status"] == "completed")

                let noPrompt = try gateway.send(.post("/v1/videos/\(source)/remix", json: [:]))
                #expect(noPrompt.status == 400)
                #expect(noPrompt.errorField == "prompt")
                let noSource = try gateway.send(
                    .post("/v1/videos/sora-2-000000000000/remix", json: ["prompt": "x"]))
                #expect(noSource.status == 404)
            }
        }

        @Test(arguments: Doorway.allCases)
        func haveNoContentWhileTheyAreMadeNorWhenTheyFailed(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                try Instance.running().sandbox.hurry(taskSeconds: 4)
                defer { try? Instance.running().sandbox.hurry(taskSeconds: 0.2) }
                let id = try gateway.submit("not yet").id
                let tooEarly = try gateway.send(.get("/v1/videos/\(id)/content"))
                #expect(tooEarly.status == 400)
                #expect(tooEarly.errorCode == "task_not_completed")
                #expect(tooEarly.errorMessage.contains("Current status: "))

                let refused = try gateway.submit("[sandbox:content_refusal] never").id
                let failed = try gateway.finish(refused)
                #expect(failed.json["status"] == "failed")
                #expect(failed.json["error"]?["code"] == "content_policy_violation")
                let none = try gateway.send(.get("/v1/videos/\(refused)/content"))
                #expect(none.status == 400)
                #expect(none.errorCode == "generation_failed")

                #expect(try gateway.send(.get("/v1/videos/sora-2-000000000000/content")).status == 404)
                #expect(try gateway.send(.get("/v1/videos/nonsense/content")).status == 404)
            }
        }

        @Test(arguments: Doorway.allCases)
        func haveTheirContentWhenTheyAreDone(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let id = try gateway.submit("done").id
                _ = try gateway.finish(id)
                let reply = try gateway.send(.get("/v1/videos/\(id)/content"))
                #expect(reply.status == 200)
                #expect(reply["Content-Type"] == "video/mp4")
                if doorway == .nginx {
                    #expect(reply.body.count > 1000)
                } else {
                    // nginx sends the bytes; the application only names them.
                    #expect(
                        reply["X-Accel-Redirect"]?.wholeMatch(of: /\/_media\/[0-9a-f]{2}\/[0-9a-f]{64}\.mp4/)
                            != nil)
                    #expect(reply.body.isEmpty)
                }
                #expect(try gateway.send(.get("/v1/videos/\(id)/content?variant=thumbnail")).status == 404)
                #expect(try gateway.send(.get("/v1/videos/\(id)/content?variant=nonsense")).status == 400)
            }
        }
    }
}
