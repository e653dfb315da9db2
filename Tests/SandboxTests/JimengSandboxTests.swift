import Core
import Crypto
import TestSupport
import Testing
import Upstream

@testable import Sandbox

/// The odd rules of Volcengine's visual service, as its documents have them. Its own SDK asks in the client
/// tests.
@Suite struct JimengSandboxTests {
    /// A request that is signed well, and then changed.
    private func send(
        _ talk: Conversation, _ body: JSON, _ change: (inout FastCGIRequest) -> Void = { _ in },
        action: String = "CVSync2AsyncSubmitTask"
    ) throws -> FastCGIReply {
        let signature = SignatureV4(
            .volcengine, accessKey: "AKSANDBOXone1", secret: Secret("SKSANDBOXone1"), region: "cn-north-1",
            service: "cv")
        let target = "/jimeng/?Action=\(action)&Version=2022-08-31"
        let hash = Hex.text(SHA256.hash(data: body.serialized()))
        let moment = SignatureV4.moment(talk.sandbox.clock.now)
        let signed = SignatureV4.Request(
            method: .post, path: "/jimeng/", query: [("Action", action), ("Version", "2022-08-31")],
            headers: [
                ("content-type", "application/json"), ("host", "vendor.example"),
                ("x-content-sha256", hash), ("x-date", moment),
            ], payload: hash)
        var request = FastCGIRequest(
            "POST", target,
            headers: [
                ("Host", "vendor.example"), ("Content-Type", "application/json"), ("X-Date", moment),
                ("X-Content-Sha256", hash),
                ("Authorization", signature.authorization(of: signed, at: talk.sandbox.clock.now).revealed()),
            ], body: body.serialized())
        change(&request)
        var client = talk.sandbox.client
        client.headers = []
        return try client.send(request)
    }

    private static let good: JSON = ["req_key": "jimeng_t2v_v30", "prompt": "a red kite"]

    @Test(
        arguments: [
            ("X-Other", "is not signed", 200, nil), ("", "another body", 401, "SignatureDoesNotMatch"),
            ("Host", "other.example", 401, "SignatureDoesNotMatch"),
            ("Content-Type", "text/json", 401, "SignatureDoesNotMatch"),
            ("X-Content-Sha256", "00", 401, "SignatureDoesNotMatch"),
            ("X-Date", "20200101T000000Z", 403, "InvalidTimestamp"),
            ("Authorization", "Bearer x", 400, "InvalidAuthorization"),
            ("Authorization", "", 401, "MissingSignature"),
        ] as [(String, String, Int, JSON?)])
    func everySignedPartIsChecked(
        _ name: String, _ value: String, _ status: Int, _ code: JSON?
    ) throws {
        try withConversation(with: "jimeng") { talk in
            let reply = try send(
                talk, Self.good,
                { request in
                    request.headers.removeAll { $0.name == name }
                    if name.isEmpty {
                        request.body = JSON.string(value).serialized()
                    } else if !value.isEmpty {
                        request.headers.append((name, value))
                    }
                })
            #expect(reply.status == status && reply.json["ResponseMetadata"]?["Error"]?["Code"] == code)
            let accepted = try talk.sandbox.stats()["accepted"]
            #expect(accepted == .integer(status == 200 ? 1 : 0))
        }
    }

    @Test(
        arguments: [
            (["frames": 241, "aspect_ratio": "9:16", "seed": -1], true), (["frames": 120], false),
            (["req_key": "jimeng_t2v_v9"], false), (["prompt": .null], false), (["duration": 5], false),
            (["req_key": "jimeng_i2v_first_v30", "image_urls": ["https://m.example/1.png"]], true),
            (["req_key": "jimeng_i2v_first_v30"], false),
            (["req_key": "jimeng_i2v_first_tail_v30", "image_urls": ["https://m.example/1.png"]], false),
            (
                [
                    "req_key": "jimeng_i2v_first_v30", "image_urls": ["https://m.example/1.png"],
                    "aspect_ratio": "1:1",
                ], false
            ),
            (["req_key": "jimeng_t2i_v30", "width": 1328, "height": 1328], true),
            (["req_key": "jimeng_t2i_v30", "width": 2304, "height": 1728], false),
            (["req_key": "jimeng_t2i_v30", "width": 1328], false),
            (["req_key": "jimeng_t2i_v40", "width": 2304, "height": 1728, "force_single": true], true),
            (["req_key": "jimeng_t2i_v40", "binary_data_base64": []], false),
        ] as [(JSONObject, Bool)])
    func whatJimengRefusesIsRefused(_ more: JSONObject, _ isGood: Bool) throws {
        try withConversation(with: "jimeng") { talk in
            var body = Self.good.objectValue ?? [:]
            for (name, value) in more.members { body[name] = value }
            let reply = try send(talk, .object(body))
            #expect((reply.json["code"] == 10_000) == isGood, "\(reply.text)")
            #expect((reply.status == 200) == isGood)
        }
    }

    @Test func aPollNamesTheServiceAgainAndTasksEnd() throws {
        try withConversation(with: "jimeng") { talk in
            let id = try send(talk, Self.good).json["data"]?["task_id"]?.stringValue ?? ""
            func status(_ key: String, _ wishes: String = #"{"return_url":true}"#) throws -> FastCGIReply {
                let body: JSON = [
                    "req_key": .string(key), "task_id": .string(id), "req_json": .string(wishes),
                ]
                return try send(talk, body, action: "CVSync2AsyncGetResult")
            }
            #expect(try status("jimeng_t2v_v30").json["data"]?["status"] == "in_queue")
            #expect(try status("jimeng_i2v_first_v30").json["data"]?["status"] == "not_found")
            #expect(try status("jimeng_t2v_v30", "{}").status == 400)
            talk.sandbox.clock.advance(by: .seconds(13 * 3600))
            #expect(try status("jimeng_t2v_v30").json["data"]?["status"] == "expired")
            let unknown = try send(talk, Self.good, action: "CVGetResult")
            #expect(unknown.json["ResponseMetadata"]?["Error"]?["Code"] == "InvalidActionOrVersion")
        }
    }

    /// The adapter with every service that a route leads to.
    @Test(arguments: [
        "jimeng_t2v_v30", "jimeng_t2i_v30", "jimeng_t2i_v31", "jimeng_t2i_v40", "jimeng_t2i_v46",
    ])
    func everyServiceMakesSomething(_ model: String) throws {
        try withConversation(with: "jimeng") { talk in
            let isFilm = model.contains("t2v")
            let job = VendorJob(
                model: model, category: isFilm ? .t2v : .t2i, prompt: "a cat",
                parameters: isFilm ? ["seconds": 10, "size": "1920x1080"] : ["n": 1, "size": "2304x1728"],
                references: [], remixOf: nil, token: "t", startedAt: talk.sandbox.clock.now,
                timeLeft: .seconds(60))
            let ticket = try talk.submitted(job)
            #expect(ticket.hasPrefix(isFilm ? "jimeng_t2v_v30_1080p/" : "\(model)/"))
            let made = try talk.send(try talk.film(of: ticket))
            #expect(made.headers["x-accel-redirect"]?.hasSuffix(isFilm ? ".mp4" : ".jpg") == true)
        }
    }
}
