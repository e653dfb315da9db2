import Core
import Testing

extension GatewayTests {
    @Suite struct Keys {
        /// Changes the character at a place into another of the same alphabet.
        private static func changed(_ key: String, at offset: Int) -> String {
            var characters = Array(key)
            let index = offset < 0 ? characters.count + offset : offset
            characters[index] = characters[index] == "7" ? "8" : "7"
            return String(characters)
        }

        @Test(arguments: Doorway.allCases)
        func areAskedFor(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                for request in [
                    Call.get("/v1/models"), .get("/v1/videos"), .post("/v1/videos", json: ["prompt": "x"]),
                ] {
                    let reply = try gateway.sendAnonymously(request)
                    #expect(reply.status == 401)
                    #expect(reply.errorCode == "missing_api_key")
                    #expect(reply["WWW-Authenticate"] == "Bearer")
                }
            }
        }

        @Test(arguments: Doorway.allCases)
        func withOneCharacterChangedAreRefusedAlike(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let key = gateway.keys.owner
                // In the public id, in the secret, in the checksum; too short, too long, something else.
                let wrong =
                    [4, 20, -1].map { Self.changed(key, at: $0) }
                    + [
                        String(key.dropLast()), key + "0", "sk-something-else",
                        String(repeating: "k", count: 7000),
                    ]
                let bodies = try wrong.map { key in
                    let reply = try gateway.send(Call.get("/v1/models").key(key))
                    #expect(reply.status == 401)
                    #expect(!reply.text.contains(key))
                    return reply.text
                }
                #expect(Set(bodies).count == 1)
                // A key that was good once looks no different.
                #expect(try gateway.send(Call.get("/v1/models").key(gateway.keys.revoked)).text == bodies[0])
            }
        }

        @Test(arguments: Doorway.allCases)
        func areTakenFromEitherHeader(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let key = gateway.keys.owner
                func status(_ headers: (String, String)...) throws -> Int {
                    let call = headers.reduce(Call.get("/v1/models")) { $0.with($1.0, $1.1) }
                    return try gateway.sendAnonymously(call).status
                }
                try #expect(status(("X-API-Key", key)) == 200)
                try #expect(status(("Authorization", "bearer \(key)")) == 200)
                try #expect(status(("Authorization", key)) == 200)
                try #expect(status(("Authorization", "Bearer \(key)"), ("X-API-Key", key)) == 200)
                try #expect(
                    status(("Authorization", "Bearer \(key)"), ("X-API-Key", gateway.keys.stranger)) == 401)
                try #expect(status(("Authorization", "Basic \(key)")) == 401)
            }
        }

        @Test(arguments: Doorway.allCases)
        func ofOneUserDoNotOpenTheTasksOfAnother(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let id = try gateway.submit("private").id
                _ = try gateway.finish(id)
                func calls(_ id: String) -> [Call] {
                    [
                        .get("/v1/videos/\(id)"), .get("/v1/videos/\(id)?wait=1"),
                        .get("/v1/videos/\(id)/content"),
                        .delete("/v1/videos/\(id)"),
                        .post("/v1/videos/\(id)/remix", json: ["prompt": "mine now"]),
                        .get("/v1/videos?after=\(id)"),
                        .post("/v1/videos", json: ["prompt": "x", "remix_target_id": .string(id)]),
                    ]
                }
                for (theirs, nobodys) in zip(calls(id), calls("sora-2-000000000000")) {
                    let reply = try gateway.send(theirs.key(gateway.keys.stranger))
                    #expect(reply.status == 404, "\(theirs.method) \(theirs.target)")
                    // Nothing tells a foreign id from one that does not exist.
                    #expect(reply.text == (try gateway.send(nobodys.key(gateway.keys.stranger)).text))
                }
                let list = try gateway.send(Call.get("/v1/videos?limit=100").key(gateway.keys.stranger))
                #expect(!list.text.contains(id))
                #expect(try gateway.send(.get("/v1/videos/\(id)")).status == 200)
            }
        }

        @Test(arguments: Doorway.allCases)
        func mayAskForStatus201(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let request = Call.post("/v1/videos", json: ["prompt": "created", "seconds": "4"])
                try #expect(gateway.send(request).status == 200)
                try #expect(gateway.send(request.key(gateway.keys.created201)).status == 201)
            }
        }

        @Test(arguments: Doorway.allCases)
        func mayAskForALinkInsteadOfBytes(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let id = try gateway.submit("linked").id
                _ = try gateway.finish(id)
                let reply = try gateway.send(
                    Call.get("/v1/videos/\(id)/content").key(gateway.keys.redirecting))
                #expect(reply.status == 302)
                #expect(reply.body.isEmpty || doorway == .nginx)
                let link = try #require(reply["Location"])
                #expect(
                    link.wholeMatch(of: /\/media\/[0-9a-f]{64}\.mp4\?expires=\d+&signature=[0-9a-f]{64}/)
                        != nil)
                // The link alone is enough; whoever has it needs no key.
                let media = try gateway.sendAnonymously(.get(link))
                #expect(media.status == 200)
                #expect(media["Content-Type"] == "video/mp4")
            }
        }
    }
}
