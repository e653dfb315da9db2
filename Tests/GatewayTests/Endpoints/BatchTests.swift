import Core
import TestSupport
import Testing

/// Many submits with one request.
extension GatewayTests {
    @Suite(.freshDatabase) struct Batches {
        private func lines(_ lines: [JSON]) -> [UInt8] {
            Array(lines.map { String(decoding: $0.serialized(), as: UTF8.self) }.joined(separator: "\n").utf8)
        }

        private func batch(_ gateway: Gateway, _ body: [UInt8], key: String? = nil) throws -> Reply {
            let call = Call.post("/v1/batches", body, type: "application/jsonl")
            return try gateway.send(key.map { call.with("Idempotency-Key", $0) } ?? call)
        }

        private func statuses(_ reply: Reply) -> [Int64] {
            (reply.json["lines"]?.arrayValue ?? []).compactMap { $0["status"]?.integerValue }
        }

        private func film(_ prompt: String) -> JSON { ["prompt": .string(prompt), "seconds": 4] }

        @Test func eachLineIsATaskInTheWordsOfItsOwnAPI() throws {
            try withGateway(through: .nginx) { gateway in
                let reply = try batch(
                    gateway,
                    lines([
                        ["custom_id": "猫", "body": film("a cat")],
                        ["url": "/v1/images/generations", "body": ["prompt": "a dog"], "method": "POST"],
                        ["custom_id": "three", "url": "/api/generate", "body": ["prompt": "a fox"]],
                        ["url": "/api/video/submit", "body": ["prompt": "an owl", "duration": 4]],
                    ]))
                #expect(reply.status == 200 && reply["Cache-Control"] == "no-store", "\(reply.text)")
                #expect(statuses(reply) == [200, 202, 200, 200], "\(reply.text)")
                #expect(reply.json["total"] == 4 && reply.json["accepted"] == 4 && reply.json["refused"] == 0)
                let made = try #require(reply.json["lines"]?.arrayValue)
                #expect(made.map { $0["line"] } == [1, 2, 3, 4])
                #expect(made.map { $0["custom_id"] } == ["猫", .null, "three", .null])
                #expect(made[0]["body"]?["object"] == "video" && made[1]["body"]?["object"] == "task")
                let task = try #require(made[2]["body"]?["task_id"]?.stringValue)
                #expect(try gateway.send(.get("/api/task/\(task)")).json["prompt"] == "a fox")
                #expect(made[3]["body"]?["data"]?["jobId"] != nil)
            }
        }

        @Test func whatIsWrongWithALineIsThatLinesOwn() throws {
            try withGateway(through: .nginx) { gateway in
                let text = """
                    {"body": {"prompt": "first", "seconds": 4}}

                    no JSON at all
                    {"custom_id": "a", "body": {"seconds": 4}}
                    {"custom_id": 7, "body": {"prompt": "x"}}
                    {"custom_id": "b"}
                    {"custom_id": "c", "url": "/v1/models", "body": {}}
                    {"custom_id": "d", "url": "/v1/batches", "body": {}}
                    {"custom_id": "e", "url": "/v1/chat/completions", "body": {"model": "gpt-4"}}
                    {"custom_id": "f", "url": "/v1/../v1/videos", "body": {"prompt": "x"}}
                    {"custom_id": "g", "method": "GET", "body": {"prompt": "x"}}
                    {"custom_id": "h", "body": {"prompt": "last", "seconds": 4, "async_mode": false}}\r
                    """
                let reply = try batch(gateway, Array(text.utf8))
                #expect(reply.status == 200)
                #expect(
                    statuses(reply) == [200, 400, 400, 400, 400, 400, 400, 400, 400, 400, 200],
                    "\(reply.text)")
                #expect(reply.json["accepted"] == 2 && reply.json["refused"] == 9)
                // As an editor counts them.
                let numbers = (reply.json["lines"]?.arrayValue ?? []).map { $0["line"] }
                #expect(numbers == [1] + (3...12).map { .integer($0) })
                for line in (reply.json["lines"]?.arrayValue ?? [])[1...9] {
                    #expect(line["body"]?["error"]?["message"]?.stringValue?.isEmpty == false, "\(line)")
                }
            }
        }

        @Test(arguments: [
            ("", "missing_parameter"), ("\n \r\n", "missing_parameter"),
            ("{\"custom_id\":\"a\",\"body\":{}}\n{\"custom_id\":\"a\",\"body\":{}}", "invalid_value"),
            (String(repeating: "{}\n", count: 1001), "invalid_value"),
        ])
        func whatIsNoBatchIsRefusedWhole(_ text: String, _ code: String) throws {
            try withGateway(through: .nginx) { gateway in
                let reply = try batch(gateway, Array(text.utf8))
                #expect(reply.status == 400, "\(reply.text)")
                let expected = code == "missing_parameter" ? "invalid_request" : code
                #expect(reply.errorCode == expected)
            }
        }

        @Test func theSameBatchSentAgainIsTheSameTasks() throws {
            try withGateway(through: .nginx) { gateway in
                let key = TaskID.random().description
                let body = lines(
                    (1...3).map { ["custom_id": .string("n\($0)"), "body": film("same \($0)")] })
                let first = try batch(gateway, body, key: key)
                #expect(statuses(first) == [200, 200, 200], "\(first.text)")
                #expect(try batch(gateway, body, key: key).text == first.text)
                // Lines are known by their names, wherever they stand.
                let other = lines([
                    ["custom_id": "n3", "body": film("same 3")], ["custom_id": "n1", "body": film("other")],
                ])
                let again = try batch(gateway, other, key: key)
                #expect(statuses(again) == [200, 422], "\(again.text)")
                let ids = (first.json["lines"]?.arrayValue ?? []).map { $0["body"]?["id"] }
                #expect(again.json["lines"]?.arrayValue?.first?["body"]?["id"] == ids[2])
            }
        }

        @Test func aLineMayHaveTheNumberOfAnotherForItsName() throws {
            try withGateway(through: .nginx) { gateway in
                let body = lines([["body": film("the same")], ["custom_id": "1", "body": film("the same")]])
                let reply = try batch(gateway, body, key: TaskID.random().description)
                #expect(statuses(reply) == [200, 200], "\(reply.text)")
                let ids = (reply.json["lines"]?.arrayValue ?? []).map { $0["body"]?["id"]?.stringValue }
                #expect(Set(ids).count == 2)
            }
        }

        @Test func aBatchNeedsAKeyAndAFittingType() throws {
            try withGateway(through: .nginx) { gateway in
                let body = lines([["body": film("a cat")]])
                let call = Call.post("/v1/batches", body, type: "application/jsonl")
                #expect(try gateway.sendAnonymously(call).status == 401)
                let image = Call.post("/v1/batches", body, type: "image/png")
                #expect(try gateway.send(image).status == 415)
                let reply = try gateway.send(.get("/v1/batches"))
                #expect(reply.status == 405 && reply["Allow"] == "POST")
            }
        }
    }
}
