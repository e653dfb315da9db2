import Core
import Foundation
import TestSupport
import Testing

@testable import Sandbox

@Suite struct OpenAISandboxTests {
    private let vendor = OpenAISandbox()

    private func order(
        _ method: Core.Method, _ target: String, _ json: JSON? = nil, contentType: String = "application/json"
    ) throws -> Order {
        let path = try RequestPath(target: target)
        return try vendor.order(
            VendorRequest(
                head: RequestHead(method: method, target: target, contentType: contentType),
                segments: path.segments, query: path.query, body: json.map(RequestBody.json) ?? .none))
    }

    private func draft(_ json: JSON) throws -> Draft? {
        guard case .submit(let draft) = try order(.post, "/v1/videos", json) else { return nil }
        return draft
    }

    /// The error object of the answer to a submit that must fail.
    private func refusal(_ json: JSON) -> JSON? {
        do throws(KinoraError) {
            _ = try vendor.order(
                VendorRequest(
                    head: RequestHead(method: .post, target: "", contentType: "application/json"),
                    segments: ["v1", "videos"], query: try Query(""), body: .json(json)))
            return nil
        } catch {
            let response = vendor.answer(error)
            #expect(response.status == 400)
            return (try? JSONParser.parse(response.body))?["error"]
        }
    }

    @Test func aPromptAloneIsEnough() throws {
        let draft = try #require(try draft(["prompt": "x"]))
        #expect(draft.model == "sora-2" && draft.seconds == 4 && draft.size == FrameSize(720, 1280))
    }

    @Test(arguments: ["4", "8", "12", "10", "15"])
    func lengthsAreStrings(_ seconds: String) throws {
        #expect(try draft(["prompt": "x", "seconds": JSON(seconds)])?.seconds == Int(seconds))
    }

    @Test(
        arguments: [
            (["prompt": "x", "seconds": 4], "seconds", "invalid_value"),
            (["prompt": "x", "seconds": "5"], "seconds", "invalid_value"),
            (["prompt": "x", "duration": 4], "duration", "unknown_parameter"),
            (["prompt": "x", "n": 1], "n", "unknown_parameter"),
            (["prompt": "x", "size": "1920x1080"], "size", "invalid_value"),
            (["prompt": "x", "size": "1x1"], "size", "invalid_value"),
            (["prompt": "x", "model": "sora-3"], "model", "invalid_value"),
            (["prompt": "x", "model": "sora-2-latest"], "model", "invalid_value"),
            (["prompt": ""], "prompt", "invalid_value"), (["prompt": 7], "prompt", "invalid_value"),
            (["model": "sora-2"], "prompt", "missing_required_parameter"),
            (
                ["prompt": "x", "input_reference": "https://a.example/b.png"], "input_reference",
                "invalid_value"
            ),
            (["prompt": "x", "input_reference": [:]], "input_reference", "invalid_value"),
            (["prompt": "x", "input_reference": ["file_id": "file-1"]], "input_reference", "invalid_value"),
            (
                ["prompt": "x", "input_reference": ["image_url": "https://a.example", "file_id": "f"]],
                "input_reference", "invalid_value"
            ),
            (
                ["prompt": "x", "input_reference": ["image_url": "http://a.example"]], "input_reference",
                "invalid_value"
            ),
            (
                ["prompt": "x", "input_reference": ["image_url": "data:image/png;base64,AAAA"]],
                "input_reference", "invalid_value"
            ),
        ] as [(JSON, String, String)])
    func whatTheVendorRefusesIsRefused(_ body: JSON, _ field: String, _ code: String) {
        let error = refusal(body)
        #expect(error?["param"]?.stringValue == field)
        #expect(error?["code"]?.stringValue == code)
        #expect(error?["type"] == "invalid_request_error")
        #expect(error?["message"]?.stringValue?.isEmpty == false)
    }

    @Test func aPromptMayHave32000CharactersAndNoMore() throws {
        #expect(try draft(["prompt": .string(String(repeating: "语", count: 32_000))]) != nil)
        #expect(refusal(["prompt": .string(String(repeating: "x", count: 32_001))])?["param"] == "prompt")
    }

    @Test func theProModelHasMoreSizesAndDatedNamesAreKnown() throws {
        for model in ["sora-2-pro", "sora-2-pro-2025-10-06"] {
            let draft = try draft(["prompt": "x", "model": JSON(model), "size": "1792x1024"])
            #expect(draft?.size == FrameSize(1792, 1024))
        }
        #expect(try draft(["prompt": "x", "model": "sora-2-2025-12-08"])?.model == "sora-2-2025-12-08")
    }

    @Test func aReferenceMustHaveTheSizeOfTheFilm() throws {
        let folder = try Folder()
        func dataURL(_ size: String) throws -> JSON {
            let path = "\(folder.path)/\(size).png"
            try succeed(
                "ffmpeg",
                ["-loglevel", "error", "-f", "lavfi", "-i", "color=red:s=\(size)", "-frames:v", "1", path])
            let bytes = Data(try #require(FileStore.bytes(of: path)))
            return ["image_url": JSON("data:image/png;base64,\(bytes.base64EncodedString())")]
        }
        let good = try draft(["prompt": "x", "input_reference": try dataURL("720x1280")])
        #expect(good?.reference?.type == .png)
        let bad = refusal(["prompt": "x", "input_reference": try dataURL("1280x720")])
        #expect(bad?["message"]?.stringValue?.contains("1280x720") == true)
    }

    @Test func anHTTPSReferenceIsAcceptedAndNotFetched() throws {
        let draft = try draft(["prompt": "x", "input_reference": ["image_url": "https://a.example/b.png"]])
        #expect(draft != nil && draft?.reference == nil)
    }

    @Test func theBodyMustBeJSONOrMultipart() throws {
        #expect(throws: KinoraError.self) {
            try order(.post, "/v1/videos", ["prompt": "x"], contentType: "text/plain")
        }
        #expect(throws: KinoraError.self) { try order(.post, "/v1/videos", [1, 2]) }
        #expect(throws: KinoraError.self) { try order(.post, "/v1/videos", nil) }
    }

    @Test func routesAreToldApart() throws {
        guard case .poll("video_1", _) = try order(.get, "/v1/videos/video_1"),
            case .delete("video_1") = try order(.delete, "/v1/videos/video_1"),
            case .content("video_1", .video) = try order(.get, "/v1/videos/video_1/content"),
            case .content("video_1", .thumbnail) = try order(
                .head, "/v1/videos/video_1/content?variant=thumbnail"),
            case .remix("video_1", "y") = try order(.post, "/v1/videos/video_1/remix", ["prompt": "y"]),
            case .list(let page) = try order(.get, "/v1/videos?limit=7&order=asc&after=video_1"),
            case .fixed = try order(.get, "/v1/models")
        else {
            Issue.record("a route gave another order")
            return
        }
        #expect(page.limit == 7 && page.isAscending && page.after == "video_1")
        for (method, target, code) in [
            (Core.Method.get, "/v1/nothing", ErrorCode.routeNotFound), (.get, "/videos", .routeNotFound),
            (.get, "/v1/videos/a/b", .routeNotFound), (.put, "/v1/videos", .methodNotAllowed),
            (.get, "/v1/videos/a/remix", .methodNotAllowed), (.get, "/v1/videos?limit=101", .invalidValue),
            (.get, "/v1/videos?limit=x", .invalidValue), (.get, "/v1/videos?order=up", .invalidValue),
            (.get, "/v1/videos/a/content?variant=gif", .invalidValue), (.get, "/v1/models/x", .modelNotFound),
        ] {
            let error = #expect(throws: KinoraError.self, "\(target)") { _ = try order(method, target) }
            #expect(error?.code == code, "\(target)")
        }
    }

    @Test(
        arguments: [
            ("Bearer sk-sandbox", nil), ("bearer sk-sandbox-1", nil), ("", .missingKey),
            ("Basic abc", .missingKey),
            ("Bearer sk-bad", .invalidKey), ("Bearer sk-proj-real", .invalidKey),
        ] as [(String, ErrorCode?)])
    func onlySandboxKeysAreGood(_ header: String, _ code: ErrorCode?) {
        let head = RequestHead(method: .get, target: "/", authorization: Secret(header))
        do throws(KinoraError) {
            #expect(
                try vendor.key(of: head, at: Timestamp(seconds: 0)).hasPrefix("sk-sandbox") && code == nil)
        } catch {
            #expect(error.code == code)
        }
    }

    @Test func anObjectHasEveryMemberOfTheContract() throws {
        var state = SandboxState(settings: SandboxSettings(taskSeconds: 10, render: .none))
        let now = Timestamp(seconds: 1_767_000_000)
        _ = try state.accept(.sample("p"), id: "video_1", for: .first, mustFail: false, now: now)
        _ = state.endFilm("film-none.mp4", .ready(now))
        func json(after seconds: Int) throws -> JSON {
            let view = try state.view(of: "video_1", for: .first, at: now + .seconds(seconds))
            return try JSONParser.parse(vendor.answer(.task(view)).body)
        }
        #expect(
            try json(after: 5) == [
                "id": "video_1", "object": "video", "model": "sora-2", "status": "in_progress",
                "progress": 50,
                "created_at": 1_767_000_000, "completed_at": .null, "expires_at": .null, "prompt": "p",
                "seconds": "4", "size": "1280x720", "remixed_from_video_id": .null, "error": .null,
            ])
        let done = try json(after: 12)
        #expect(done["status"] == "completed" && done["progress"] == 100)
        #expect(done["completed_at"] == 1_767_000_010 && done["expires_at"] == 1_767_003_610)
    }

    @Test func idsHaveTheVendorsForm() {
        #expect(vendor.newTaskID().wholeMatch(of: /video_[0-9a-f]{32}/) != nil)
    }
}
