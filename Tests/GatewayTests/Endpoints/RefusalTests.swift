import Core
import Testing

/// A submit that must be refused, and how.
struct BadSubmit: Sendable, CustomStringConvertible {
    let description: String
    let call: Call
    let status: Int
    let code: String
    let field: String?

    init(_ description: String, _ call: Call, _ status: Int, _ code: String, field: String? = nil) {
        self.description = description
        self.call = call
        self.status = status
        self.code = code
        self.field = field
    }

    private static func json(
        _ name: String, _ change: JSONObject, status: Int = 400, _ code: String, field: String?
    )
        -> BadSubmit
    {
        var body: JSONObject = ["model": "sora-2", "prompt": "a boat"]
        for (name, value) in change.members { body[name] = value.isNull ? nil : value }
        return BadSubmit(name, .post("/v1/videos", json: .object(body)), status, code, field: field)
    }

    private static func raw(_ name: String, _ text: String, type: String = "application/json") -> BadSubmit {
        BadSubmit(name, .post("/v1/videos", Array(text.utf8), type: type), 400, "invalid_request")
    }

    static let all = values + types + bodies

    private static let values = [
        json("no prompt", ["prompt": .null], "invalid_request", field: "prompt"),
        json("blank prompt", ["prompt": " \n\t"], "invalid_request", field: "prompt"),
        json(
            "endless prompt", ["prompt": .string(String(repeating: "a", count: 32_001))], "invalid_value",
            field: "prompt"),
        json("unknown model", ["model": "sora-3"], status: 404, "model_not_found", field: "model"),
        json("size of no model", ["size": "1x1"], "invalid_value", field: "size"),
        json("size of another model", ["size": "1792x1024"], "invalid_value", field: "size"),
        json("seconds not offered", ["seconds": 7], "invalid_value", field: "seconds"),
        json("seconds as words", ["seconds": "four"], "invalid_value", field: "seconds"),
        json("seconds beyond 64 bits", ["seconds": .decimal("1e30")], "invalid_value", field: "seconds"),
        json("orientation", ["orientation": "diagonal"], "invalid_value", field: "orientation"),
        json(
            "remix of nothing", ["remix_target_id": "sora-2-000000000000"], status: 404, "task_not_found",
            field: nil),
        json(
            "no address of the web", ["input_reference": "ftp://example.com/a.png"], "invalid_value",
            field: "input_reference"),
        json(
            "text as reference", ["input_reference": "bm8gcGljdHVyZQ=="], "invalid_value",
            field: "input_reference"),
        json(
            "broken base64", ["input_image": "data:image/png;base64,@@@"], "invalid_value",
            field: "input_image"),
    ]

    private static let types = [
        json("prompt as number", ["prompt": 5], "invalid_value", field: "prompt"),
        json("prompt as list", ["prompt": ["a"]], "invalid_value", field: "prompt"),
        json("model as object", ["model": ["id": "sora-2"]], "invalid_value", field: "model"),
        json("seconds as fraction", ["seconds": .decimal("4.5")], "invalid_value", field: "seconds"),
        json("seconds as boolean", ["seconds": true], "invalid_value", field: "seconds"),
        json("size as number", ["size": 720], "invalid_value", field: "size"),
        json("async_mode as text", ["async_mode": "yes"], "invalid_value", field: "async_mode"),
        json("reference as number", ["input_reference": 1], "invalid_value", field: "input_reference"),
    ]

    private static let bodies = [
        raw("truncated JSON", "{\"model\": \"sora-2\", \"prompt\": \"a"),
        raw("two JSON values", "{\"prompt\": \"a\"} {}"),
        raw("a name twice", "{\"prompt\": \"a\", \"prompt\": \"b\"}"),
        raw("a list", "[1, 2]"),
        raw("a string", "\"prompt\""),
        raw("deeply nested JSON", String(repeating: "[", count: 100_000)),
        raw("a form without boundary", "--b--\r\n", type: "multipart/form-data"),
        raw(
            "a truncated form", "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na",
            type: "multipart/form-data; boundary=b"),
        BadSubmit(
            "invalid UTF-8",
            .post("/v1/videos", [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], type: "application/json"), 400,
            "invalid_request"),
        BadSubmit(
            "no body", .post("/v1/videos", [], type: "application/json"), 400, "invalid_request",
            field: "prompt"),
        BadSubmit(
            "XML", .post("/v1/videos", Array("<a/>".utf8), type: "application/xml"), 415,
            "unsupported_media_type", field: "Content-Type"),
        BadSubmit(
            "a form whose picture is a script",
            .post(
                "/v1/videos", form: [("prompt", "a boat")],
                files: [FormFile(field: "input_reference", bytes: Array("#!/bin/sh\nexit 0\n".utf8))]),
            400, "invalid_value", field: "input_reference"),
    ]
}

extension GatewayTests {
    @Suite struct Refusals {
        @Test(arguments: Doorway.allCases)
        func sayWhatIsWrongAndWhere(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                for bad in BadSubmit.all {
                    let reply = try gateway.send(bad.call)
                    #expect(reply.status == bad.status, "\(bad)")
                    #expect(reply.errorCode == bad.code, "\(bad)")
                    #expect(reply.errorField == bad.field, "\(bad)")
                    #expect(reply.json["detail"] == reply.json["error"]?["message"], "\(bad)")
                    #expect(reply["Content-Type"] == "application/json", "\(bad)")
                    #expect(reply["Cache-Control"] == "no-store", "\(bad)")
                }
            }
        }

        @Test(arguments: Doorway.allCases)
        func leaveNoTaskBehind(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                let last = try gateway.submit("the last good one").id
                for bad in BadSubmit.all { _ = try gateway.send(bad.call) }
                #expect(try gateway.send(.get("/v1/videos?limit=1")).json["first_id"] == .string(last))
            }
        }

        @Test(arguments: Doorway.allCases)
        func ofUnknownAddressesAndMethodsNameWhatIsAllowed(_ doorway: Doorway) throws {
            try withGateway(through: doorway) { gateway in
                for target in ["/v1/nothing", "/v1/videos/a/b/c", "/v1", "/media", "/api/nothing"] {
                    let reply = try gateway.send(.get(target))
                    #expect(reply.status == 404, "\(target)")
                    #expect(reply.errorCode == "not_found", "\(target)")
                }
                let put = try gateway.send(Call("PUT", "/v1/videos"))
                #expect(put.status == 405)
                #expect(put.errorCode == "method_not_allowed")
                #expect(Set((put["Allow"] ?? "").split(separator: ", ")) == ["GET", "POST"])
                let patch = try gateway.send(Call("PATCH", "/v1/videos/sora-2-000000000000"))
                #expect(Set((patch["Allow"] ?? "").split(separator: ", ")) == ["GET", "DELETE"])
                // Found out before anybody asks for a key: a wrong address is wrong for everybody.
                #expect(try gateway.sendAnonymously(.get("/v1/nothing")).status == 404)
            }
        }
    }
}
