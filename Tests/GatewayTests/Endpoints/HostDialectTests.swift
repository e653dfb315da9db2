import Core
import TestSupport
import Testing

/// Hosts that have one API alone, as nginx/dialects.conf says: clients that can be given no path.
extension GatewayTests {
    @Suite(.freshDatabase) struct HostDialects {
        /// Sends to the site under the host's name, with the certificate checked for it.
        private func withHosts(
            _ body: (Site, _ send: (_ host: String, Call) throws -> Reply) throws -> Void
        ) throws {
            try withSite { site in
                // Models are shown where somebody makes them.
                let address = "https://localhost:\(site.port + 1)/jimeng"
                let added = try site.kinora(
                    ["account", "add", "--vendor", "jimeng", "--name", "sandbox", "--base-url", address],
                    input: Array("AKLT-sandbox-site:secret".utf8))
                #expect(added.status == 0, "\(added.errors)")
                _ = try site.start("serve")
                try site.startNginx()
                try body(site) { host, call in
                    let hasKey = call.headers.contains { $0.name == "Authorization" }
                    return try curl(host, of: site).send(hasKey ? call : call.key(site.key))
                }
            }
        }

        private func curl(_ host: String, of site: Site) -> Curl {
            Curl(base: "https://\(host).localhost:\(site.port)", authority: site.curl.authority)
        }

        private func owners(_ reply: Reply) -> Set<String> {
            Set((reply.json["data"]?.arrayValue ?? []).compactMap { $0["owned_by"]?.stringValue })
        }

        @Test func thePathsAreItsOwnAlone() throws {
            try withHosts { site, send in
                for host in ["sora", "jimeng"] {
                    #expect(try owners(send(host, .get("/v1/models"))) == [host])
                    #expect(try send(host, .get("/api/tasks")).status == 404)
                }
                #expect(try owners(site.curl.send(.get("/v1/models").key(site.key))).count >= 2)
                #expect(try send("openart", .get("/api/tasks")).status == 200)
                let refused = try send("openart", .get("/v1/models"))
                #expect(refused.status == 404)
                #expect(try send("openart", .get("/api/health")).status == 200)
                // Where a call without an address would go is not at every host.
                for (host, field) in [("openart", "url"), ("sora", "prompt"), ("jimeng", "prompt")] {
                    let reply = try send(host, .post("/v1/estimates", json: ["body": [:]]))
                    #expect(reply.status == 400, "\(host) \(reply.text)")
                    #expect(reply.json["error"]?["param"]?.stringValue == field, "\(host) \(reply.text)")
                }
                let film: JSON = ["body": ["prompt": "a cat", "model": "pixeldance"]]
                #expect(try send("sora", .post("/v1/estimates", json: film)).status == 404)
                let own = try send("jimeng", .post("/v1/estimates", json: film))
                #expect(own.status == 200, "\(own.text)")
            }
        }

        @Test func theHostGoesBeforeTheKey() throws {
            try withHosts { site, send in
                let made = try site.kinora(["key", "create", "--json", "--dialect", "sora"])
                let key = try #require(made.json["key"]?.stringValue, "\(made.errors)")
                var models = Reply(status: 0)
                try waitUntil("the new key is known") {
                    models = try send("jimeng", .get("/v1/models").key(key))
                    return models.status != 401
                }
                #expect(owners(models) == ["jimeng"], "\(models.text)")
            }
        }

        /// What a client sends cannot choose: nginx alone says which host this is.
        @Test func aHeaderDoesNotChoose() throws {
            try withHosts { site, _ in
                for name in ["GATEWAY_DIALECT", "Gateway-Dialect"] {
                    let call = Call.get("/v1/models").key(site.key).with(name, "jimeng")
                    let found = try owners(site.curl.send(call))
                    #expect(found.count >= 2)
                }
            }
        }

        /// A call that waits goes through nginx twice, the lines of a batch through none.
        @Test func whatIsMadeThereIsMadeByIt() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.2)
                _ = try site.start("all")
                let curl = curl("sora", of: site)
                func send(_ call: Call) throws -> Reply { try curl.send(call.key(site.key)) }
                let made = Call.post("/v1/videos", json: ["prompt": "a cat", "seconds": "4"])
                let film = try send(made.with("Prefer", "wait=60"))
                #expect(film.json["status"] == "completed", "\(film.text)")
                let lines = #"{"body": {"prompt": "a cat", "model": "pixeldance"}}"#
                let batch = try send(.post("/v1/batches", Array(lines.utf8), type: "application/jsonl"))
                #expect(batch.json["refused"] == 1, "\(batch.text)")
            }
        }
    }
}
