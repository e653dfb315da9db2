import Core
import TestSupport
import Testing
import Upstream

@testable import Sandbox

/// The rules of Luma's Agents API, as its documents have them.
@Suite struct LumaAgentsSandboxTests {
    private static let path = "/luma-agents/v1/generations"

    private func client(
        _ sandbox: LiveSandbox, _ authorization: String = "Bearer luma-api-sandbox-one1",
        requestID: String? = nil
    ) -> FastCGIClient {
        let names = requestID.map { [("X-Request-Id", $0)] } ?? []
        return sandbox.client(with: [("Authorization", authorization)] + names)
    }

    @Test func keysOfTheDreamMachineAreNotGood() throws {
        try withSandbox { sandbox in
            for authorization in ["Bearer luma-sandbox-one1", "luma-api-sandbox-one1", ""] {
                let reply = try client(sandbox, authorization).send("GET", Self.path + "/1")
                #expect(reply.status == 401 && reply.json["detail"]?.stringValue != nil)
            }
            let reply = try client(sandbox).send("GET", Self.path + "/1")
            #expect(reply.status == 404)
        }
    }

    private static let picture: JSON = .string(PictureHead.base64)
    private static let address: JSON = ["url": "https://m.example/1.png"]

    @Test(
        arguments: [
            ([:], 201), (["aspect_ratio": "21:9"], 201), (["aspect_ratio": "9:21"], 422),
            (["model": "ray-2"], 422), (["model": .null], 422), (["type": "video_edit"], 422),
            (["type": .null], 422), (["prompt": ""], 422), (["resolution": "720p"], 422),
            (["prompt": .string(String(repeating: "x", count: 6001))], 422),
            (["video": ["resolution": "360p", "duration": "10s"]], 201),
            (["video": ["resolution": "4k"]], 422), (["video": ["duration": 5]], 422),
            (["video": ["duration": "9s"]], 422), (["video": ["loop": true, "duration": "10s"]], 422),
            (["video": ["start_frame": address]], 201), (["video": ["end_frame": address]], 201),
            (["video": ["start_frame": address, "duration": "10s"]], 422),
            (["video": ["start_frame": address, "end_frame": address, "loop": true]], 422),
            (["video": ["start_frame": ["data": picture, "media_type": "image/png"]]], 201),
            (["video": ["start_frame": ["data": picture, "media_type": "image/jpeg"]]], 422),
            (["video": ["start_frame": ["data": picture]]], 422),
            (["video": ["start_frame": ["url": "data:image/png;base64,AAAA"]]], 422),
            (["video": ["frame0": address]], 422), (["keyframes": ["frame0": address]], 422),
        ] as [(JSONObject, Int)])
    func whatLumaRefusesIsRefused(_ more: JSONObject, _ status: Int) throws {
        try withSandbox { sandbox in
            var body: JSONObject = ["model": "ray-3.2", "type": "video", "prompt": "a cat"]
            for (name, value) in more.members { body[name] = value }
            let reply = try client(sandbox).send("POST", Self.path, json: .object(body))
            #expect(reply.status == status, "\(reply.text)")
            if status == 201 { #expect(reply.json["state"] == "queued" && reply.json["output"] == []) }
        }
    }

    @Test func aRequestKeepsTheIDThatItCameWith() throws {
        try withSandbox { sandbox in
            let named = try client(sandbox, requestID: "task-1").send("GET", Self.path + "/1")
            #expect(named["X-Request-Id"] == "task-1" && named["X-API-Version"] == "2026-04-01")
            let unnamed = try client(sandbox).send("GET", Self.path + "/1")
            #expect(unnamed["X-Request-Id"]?.count == 36)
        }
    }

    @Test func aSubmitHasTheAttemptsNameAndAnErrorTheRequests() throws {
        try withConversation(with: "luma-agents") { talk in
            let job = talk.job()
            let call = try talk.vendor.submit(job, talk.account)
            let reply = try talk.send(call)
            #expect(reply.headers["x-request-id"] == job.token)
            try talk.arm(.serverError, at: "submit")
            let error = #expect(throws: KinoraError.self) { try talk.submitted(job) }
            #expect(error?.detail.contains(job.token) == true)
        }
    }

    @Test func aPictureGoesWithTheRequest() throws {
        try withSandbox { sandbox in
            let frame: JSON = ["data": Self.picture, "media_type": "image/png"]
            let body: JSON = [
                "model": "ray-3.2", "type": "video", "prompt": "it moves", "video": ["start_frame": frame],
            ]
            let made = try client(sandbox).send("POST", Self.path, json: body)
            let id = made.json["id"]?.stringValue ?? ""
            let other = client(sandbox, "Bearer luma-api-sandbox-two2")
            #expect(try other.send("GET", "\(Self.path)/\(id)").status == 404)
            let task = try client(sandbox).send("GET", "\(Self.path)/\(id)").json
            #expect(task["type"] == "video" && task["model"] == "ray-3.2" && task["id"] == .string(id))
        }
    }
}
