import Core
import Testing

@testable import Dialects

@Suite struct FingerprintTests {
    private func request(
        _ body: RequestBody, _ target: String = "/v1/videos", _ method: Core.Method = .post
    ) throws -> Request {
        Request(
            head: RequestHead(method: method, target: target), path: try RequestPath(target: target),
            body: body)
    }

    private func file(_ field: String, _ digit: Character, name: String = "1") -> UploadedFile {
        UploadedFile(
            field: field, path: "/spool/\(name)", bytes: 1, sha256: String(repeating: digit, count: 64),
            mediaType: .png)
    }

    @Test func theSameRequestHasTheSameFingerprint() throws {
        let json: JSON = ["prompt": "a cat", "seconds": 4]
        #expect(try request(.json(json)).fingerprint == request(.json(json)).fingerprint)
        #expect(try request(.json(json), "//v1/videos/").fingerprint == request(.json(json)).fingerprint)
        let spooled = RequestBody.form(Form(fields: [("a", "b")], files: [file("f", "0")]))
        let again = RequestBody.form(Form(fields: [("a", "b")], files: [file("f", "0", name: "2")]))
        #expect(try request(spooled).fingerprint == request(again).fingerprint)
        #expect(try request(.none).fingerprint.count == 64)
    }

    @Test func everyOtherRequestHasAnotherOne() throws {
        let bodies: [RequestBody] = [
            .none, .json([:]), .json(["prompt": "a cat"]), .json(["prompt": "a cats"]),
            .json(["prompt": "A cat"]),
            .json(["prompt": "a cat", "seconds": 4]), .json(["prompt": "a cat", "seconds": "4"]),
            .json(["seconds": 4, "prompt": "a cat"]), .json(["prompts": "a cat"]), .json(["prompt": .null]),
            .json(["prompt": .decimal("1.0")]), .json(["prompt": .decimal("1.00")]), .json([]),
            .form(Form()), .form(Form(fields: [("prompt", "a cat")])),
            .form(Form(fields: [("prompta", " cat")])),
            .form(Form(fields: [("prompt", "a"), ("cat", "")])), .form(Form(fields: [("prompt", "a cats")])),
            .form(Form(fields: [("a", "1"), ("b", "2")])), .form(Form(fields: [("b", "2"), ("a", "1")])),
            .form(Form(files: [file("f", "0")])), .form(Form(files: [file("f", "1")])),
            .form(Form(files: [file("g", "0")])), .form(Form(files: [file("f", "0"), file("f", "0")])),
            .form(Form(fields: [("f", String(repeating: "0", count: 64))])),
        ]
        var all = try bodies.map { try request($0).fingerprint }
        all.append(try request(bodies[2], "/v1/videos/sora-2-abc123def456/remix").fingerprint)
        all.append(try request(bodies[2], "/v1/videos/sora-2-abc123def457/remix").fingerprint)
        all.append(try request(bodies[2], "/v1/videos", .put).fingerprint)
        for (index, fingerprint) in all.enumerated() {
            #expect(all.firstIndex(of: fingerprint) == index, "case \(index)")
        }
    }
}
