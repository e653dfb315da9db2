import Core
import Testing

extension GatewayTests {
    @Suite struct Models {
        @Test(arguments: Doorway.allCases)
        func areListedForTheirKey(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let reply = try gateway.send(.get("/v1/models"))
                #expect(reply.status == 200)
                #expect(reply["Content-Type"] == "application/json")
                #expect(reply.json["object"] == "list")
                let models = try #require(reply.json["data"]?.arrayValue)
                #expect(models.contains { $0["id"] == "sora-2" })
                for model in models {
                    #expect(model["object"] == "model")
                    #expect(model["created"]?.integerValue ?? 0 > 1_000_000_000)
                    #expect(model["owned_by"]?.stringValue?.isEmpty == false)
                }
            }
        }

        @Test func areListedByTypeAndOwner() throws {
            try withGateway(through: .nginx) { gateway in
                func ids(_ path: String) throws -> Set<String> {
                    let models = try #require(try gateway.send(.get(path)).json["data"]?.arrayValue)
                    return Set(models.compactMap { $0["id"]?.stringValue })
                }
                let all = try ids("/v1/models")
                let known = [
                    "image": "gpt-image-2", "video": "sora-2", "chat": "gpt-4",
                    "embedding": "text-embedding-3-small",
                ]
                var others = all
                for (type, model) in known {
                    let some = try ids("/v1/models?type=\(type)")
                    #expect(some.contains(model) && some.isSubset(of: others), "\(type)")
                    #expect(try ids("/api/relay/v1/models?type=\(type)") == some)
                    others.subtract(some)
                }
                #expect(others.isEmpty)
                let own = try ids("/jimeng/v1/models?type=image")
                #expect(own.contains("jimeng-4.5") && own.isSubset(of: all))
                #expect(try ids("/v1/models?owned_by=jimeng&type=image") == own)
                #expect(try ids("/jimeng/v1/models?owned_by=sora").isEmpty)
                let wrong = try gateway.send(.get("/v1/models?type=sound"))
                #expect(wrong.status == 400 && wrong.json["error"]?["param"] == "type")
            }
        }

        @Test(arguments: Doorway.allCases)
        func answerOneByOne(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                #expect(try gateway.send(.get("/v1/models/sora-2")).id == "sora-2")
                let unknown = try gateway.send(.get("/v1/models/no-such-model"))
                #expect(unknown.status == 404)
                #expect(unknown.errorCode == "model_not_found")
                #expect(unknown.errorMessage.contains("no-such-model"))
            }
        }

        /// In process nothing is sent, so nothing could be left out.
        @Test(arguments: [Doorway.fastcgi, .nginx])
        func answerHEADWithoutABody(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let reply = try gateway.send(Call("HEAD", "/v1/models"))
                #expect(reply.status == 200)
                #expect(reply["Content-Type"] == "application/json")
                #expect(reply.body.isEmpty)
                let unknown = try gateway.send(Call("HEAD", "/v1/models/no-such-model"))
                #expect(unknown.status == 404)
                #expect(unknown.body.isEmpty)
            }
        }

        @Test(arguments: Doorway.allCases)
        func thatAKeyMayNotUseDoNotExistForIt(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let key = gateway.keys.onlyPro
                let list = try gateway.send(Call.get("/v1/models").key(key))
                #expect(list.json["data"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == ["sora-2-pro"])
                #expect(try gateway.send(Call.get("/v1/models/sora-2").key(key)).status == 404)
                let submit = Call.post("/v1/videos", json: ["model": "sora-2", "prompt": "a boat"])
                let refused = try gateway.send(submit.key(key))
                #expect(refused.status == 404)
                #expect(refused.errorCode == "model_not_found")
            }
        }

        /// The test may run beside others that add accounts; then there is a new document, and once more.
        @Test func standInADescriptionThatIsSentOnce() throws {
            try withGateway(through: .nginx) { gateway in
                try waitUntil("nothing changes between two requests") {
                    let first = try gateway.send(.get("/openapi.json"))
                    #expect(first.status == 200 && first["Content-Type"] == "application/json")
                    #expect(first["Cache-Control"] == "no-cache")
                    let servers = first.json["servers"]?.arrayValue?.first?["url"]?.stringValue
                    #expect(servers == (try Instance.running().url))
                    let tag = try #require(first["ETag"])
                    let again = try gateway.send(Call.get("/openapi.json").with("If-None-Match", "W/\(tag)"))
                    guard again.status == 304 else { return false }
                    #expect(again.body.isEmpty && again["ETag"] == tag)
                    return true
                }
            }
        }
    }
}
