import Core
import TestSupport
import Testing

/// Addresses that several APIs have, as a key finds them that has chosen one of those.
extension GatewayTests {
    @Suite(.freshDatabase) struct KeyDialects {
        /// A key's choice, a model of its family, and one of the other.
        struct Choice: Sendable, CustomTestStringConvertible {
            let dialect: String
            let image: String, video: String
            let foreignImage: String, foreignVideo: String
            var testDescription: String { dialect }
        }

        static let choices = [
            Choice(
                dialect: "sora", image: "sora-image", video: "sora-2", foreignImage: "jimeng-3.0",
                foreignVideo: "pixeldance"),
            Choice(
                dialect: "jimeng", image: "jimeng-3.0", video: "pixeldance", foreignImage: "sora-image",
                foreignVideo: "sora-2"),
        ]

        /// Nobody works: what is accepted waits.
        private func withKey(
            _ dialect: String, _ body: (Site, _ send: (Call) throws -> Reply) throws -> Void
        ) throws {
            try withSite { site in
                let address = "https://localhost:\(site.port + 1)/jimeng"
                let added = try site.kinora(
                    ["account", "add", "--vendor", "jimeng", "--name", "sandbox", "--base-url", address],
                    input: Array("AKLT-sandbox-site:secret".utf8))
                #expect(added.status == 0, "\(added.errors)")
                let made = try site.kinora(["key", "create", "--json", "--dialect", dialect])
                let key = try #require(made.json["key"]?.stringValue, "\(made.errors)")
                _ = try site.start("serve")
                try site.startNginx()
                try body(site) { try site.curl.send($0.key(key).with("Prefer", "respond-async")) }
            }
        }

        private func models(_ reply: Reply) -> [JSON] { reply.json["data"]?.arrayValue ?? [] }

        private func owners(_ reply: Reply) -> Set<String> {
            Set(models(reply).compactMap { $0["owned_by"]?.stringValue })
        }

        @Test(arguments: choices) func modelsAreThoseOfIt(_ choice: Choice) throws {
            try withKey(choice.dialect) { site, send in
                let own = try send(.get("/v1/models"))
                #expect(owners(own) == [choice.dialect])
                #expect(try own.json == send(.get("/\(choice.dialect)/v1/models")).json)
                #expect(try send(.get("/v1/models/\(choice.video)")).status == 200)
                #expect(try send(.get("/v1/models/\(choice.foreignVideo)")).status == 404)
                // A prefix is plainer than the key; and what only the video hub has is no address of these.
                let other = choice.dialect == "sora" ? "jimeng" : "sora"
                #expect(try owners(send(.get("/\(other)/v1/models"))) == [other])
                #expect(try owners(send(.get("/api/relay/v1/models"))).count > 2)
            }
        }

        @Test(arguments: choices) func picturesAreMadeByIt(_ choice: Choice) throws {
            try withKey(choice.dialect) { site, send in
                let image = "data:image/png;base64," + Core.Base64.encode(try picture("512x512"))
                for path in ["generations", "edits", "compositions"] {
                    var body: JSONObject = ["prompt": "a cat"]
                    if path != "generations" { body["image"] = .string(image) }
                    let usual = try send(.post("/v1/images/\(path)", json: .object(body)))
                    #expect(usual.status == 202, "\(path) \(usual.text)")
                    let made = usual.json["model"]?.stringValue ?? ""
                    #expect(try send(.get("/v1/models/\(made)")).json["owned_by"] == .string(choice.dialect))
                    body["model"] = .string(choice.foreignImage)
                    let foreign = try send(.post("/v1/images/\(path)", json: .object(body)))
                    #expect(foreign.status == 404 && foreign.errorCode == "model_not_found")
                }
            }
        }

        @Test(arguments: choices) func videosAreMadeByItAtEveryAddress(_ choice: Choice) throws {
            try withKey(choice.dialect) { site, send in
                var ids: [String] = []
                for path in ["/v1/videos", "/v1/videos/generations"] {
                    let usual = try send(.post(path, json: ["prompt": "a cat"]))
                    #expect([200, 202].contains(usual.status), "\(path) \(usual.text)")
                    #expect(usual.json["model"]?.stringValue == choice.video)
                    ids.append(usual.id)
                    let foreign: JSON = ["prompt": "a cat", "model": .string(choice.foreignVideo)]
                    let refused = try send(.post(path, json: foreign))
                    #expect(refused.status == 404 && refused.errorCode == "model_not_found")
                    let call: JSON = ["url": .string(path), "body": foreign]
                    #expect(try send(.post("/v1/estimates", json: call)).status == 404)
                }
                let line = #"{"body": {"prompt": "a cat", "model": "\#(choice.foreignVideo)"}}"#
                let batch = try send(.post("/v1/batches", Array(line.utf8), type: "application/jsonl"))
                #expect(batch.json["refused"] == 1, "the lines of a batch are the key's: \(batch.text)")
                // Whatever made a task, any address shows it to its owner.
                for id in ids {
                    for path in ["/v1/videos/", "/v1/tasks/"] {
                        let anyKey = Call.get(path + id).key(site.key)
                        #expect(try send(.get(path + id)).status == 200)
                        #expect(try site.curl.send(anyKey).status == 200)
                    }
                }
            }
        }

        @Test(arguments: choices) func chatsAreAboutItsModels(_ choice: Choice) throws {
            try withKey(choice.dialect) { site, send in
                func chat(_ model: String) throws -> Reply {
                    let messages: JSON = [["role": "user", "content": "a cat"]]
                    return try send(
                        .post("/v1/chat/completions", json: ["model": .string(model), "messages": messages]))
                }
                #expect(try chat(choice.image).status == 202)
                let foreign = try chat(choice.foreignImage)
                #expect(foreign.status == 404 && foreign.errorCode == "model_not_found")
            }
        }

        @Test func aKeyIsMadeListedAndChanged() throws {
            try withSite { site in
                func words() throws -> [JSON?] {
                    let key = try site.kinora(["key", "list", "--json"]).json.arrayValue?.last
                    return [key?["dialect"], key?["chat_format"]]
                }
                let made = try site.kinora(["key", "create", "--json", "--dialect", "jimeng"])
                let id = try #require(made.json["id"]?.stringValue)
                #expect(try words() == ["jimeng", "auto"])
                let changed = try site.kinora(["key", "change", id, "--dialect", "sora"])
                #expect(changed.text == "changed \(id)\n")
                #expect(try words() == ["sora", "auto"])
                #expect(try site.kinora(["key", "change", id, "--chat-format", "markdown"]).status == 0)
                #expect(try words() == ["sora", "markdown"])
                expectWrongUsage(
                    try site.kinora(["key", "change", id]), "Give --dialect, --chat-format, or both of them.")
                for command in [["create"], ["change", id]] {
                    expectWrongUsage(
                        try site.kinora(["key"] + command + ["--dialect", "openart"]),
                        "--dialect must be auto, sora or jimeng.")
                }
                #expect(try site.kinora(["key", "revoke", id]).status == 0)
                expectFailure(
                    try site.kinora(["key", "change", id, "--dialect", "auto"]),
                    "There is no active key '\(id)'. See `kinora key list`.")
            }
        }

        @Test func aChangeHoldsAtOnce() throws {
            try withKey("sora") { site, send in
                let keys = try site.kinora(["key", "list", "--json"]).json.arrayValue ?? []
                let id = try #require(keys.last?["id"]?.stringValue)
                #expect(try site.kinora(["key", "change", id, "--dialect", "auto"]).status == 0)
                try waitUntil("both families are listed") {
                    try owners(send(.get("/v1/models"))).isSuperset(of: ["sora", "jimeng"])
                }
            }
        }
    }
}
