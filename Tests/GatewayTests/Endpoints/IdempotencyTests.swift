import Core
import TestSupport
import Testing

extension GatewayTests {
    @Suite struct Idempotency {
        private func fresh() -> String { TaskID.random().description }

        @Test(arguments: Doorway.allCases)
        func givesTheSameAnswerToTheSameRequest(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let call = Call.post("/v1/videos", json: ["prompt": "once", "seconds": "4"])
                    .with("Idempotency-Key", fresh())
                let first = try gateway.send(call)
                #expect(first.status == 200)
                #expect(try gateway.send(call).text == first.text)
                _ = try gateway.finish(first.id)
                #expect(try gateway.send(call).text == first.text)
                // Without the header it is another request.
                #expect(try gateway.submit("once").id != first.id)
            }
        }

        @Test(arguments: Doorway.allCases)
        func refusesAnotherRequestUnderTheSameKey(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let key = fresh()
                func submit(_ prompt: String, as caller: String) throws -> Reply {
                    let call = Call.post("/v1/videos", json: ["prompt": .string(prompt), "seconds": "4"])
                    return try gateway.send(call.with("Idempotency-Key", key).key(caller))
                }
                let first = try submit("one thing", as: gateway.keys.owner)
                let other = try submit("another thing", as: gateway.keys.owner)
                #expect(other.status == 422)
                #expect(other.errorCode == "idempotency_mismatch")
                // Another user's key is another key.
                let theirs = try submit("another thing", as: gateway.keys.stranger)
                #expect(theirs.status == 200)
                #expect(theirs.id != first.id)
            }
        }

        @Test(arguments: Doorway.allCases)
        func makesOneTaskOfManyRequestsAtOnce(_ doorway: Doorway) throws {
            // The responder in process is not shared between threads here; the other two doorways are what
            // races.
            guard doorway != .inProcess else { return }
            let call = Call.post("/v1/videos", json: ["prompt": "all at once", "seconds": "4"])
                .with("Idempotency-Key", fresh())
            let ids = Box<[String]>([])
            try concurrently(8) { _ in
                try withGateway(through: doorway) { gateway in
                    let reply = try gateway.send(call)
                    ids.change { $0.append("\(reply.status) \(reply.id)") }
                }
            }
            #expect(ids.value.count == 8)
            #expect(Set(ids.value).count == 1)
            #expect(ids.value[0].hasPrefix("200 sora-2-"))
        }

        @Test(arguments: Doorway.allCases)
        func hasKeysOfBoundedLength(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let call = Call.post("/v1/videos", json: ["prompt": "x", "seconds": "4"])
                let longest = String(repeating: "k", count: 255 - 36) + fresh()
                #expect(try gateway.send(call.with("Idempotency-Key", longest)).status == 200)
                let reply = try gateway.send(call.with("Idempotency-Key", longest + "k"))
                #expect(reply.status == 400)
                #expect(reply.errorField == "Idempotency-Key")
            }
        }
    }
}
