import Core
import Testing

@testable import Upstream

/// The wire format of docs/bridge.md. What the sandbox makes of it, SandboxTests tell.
@Suite struct BridgeTests {
    private let account = BridgeAccount(row: 3, vendor: "openai", name: "main")
    private let feed = BridgeQuestion.feed(cut: "nf2_top", FeedPage(limit: 2, cursor: "c"))

    private func bridge(_ url: String = "http://127.0.0.1:9470/") throws -> Bridge {
        try Bridge(url: url, key: Secret("bridge-key"))
    }

    private func body(_ call: HTTPCall) throws -> JSONObject {
        guard case .json(.object(let body)) = call.body else {
            throw KinoraError(.internalFault, detail: "\(call.body)")
        }
        return body
    }

    @Test func aCallNamesAccountAndArgumentsAndShowsNoKey() throws {
        let call = try bridge().call(feed, of: [account])
        #expect(call.method == .post && call.url == "http://127.0.0.1:9470/v1/feed")
        #expect(call.headers.first { $0.name == "Authorization" }?.value == Secret("Bearer bridge-key"))
        #expect(call.timeoutSeconds == Limits.bridgeSecondsMax && call.isRepeatable)
        #expect(!"\(call)".contains("bridge-key"))
        let body = try body(call)
        #expect(body.names == ["request_id", "account", "arguments"])
        #expect(body["account"] == ["id": 3, "vendor": "openai", "name": "main"])
        #expect(body["arguments"] == ["cut": "nf2_top", "limit": 2, "cursor": "c"])
        #expect(body["request_id"]?.stringValue.flatMap(TaskID.init(uuid:)) != nil)
        let other = try self.body(try bridge().call(feed, of: [account]))
        #expect(other["request_id"] != body["request_id"])
    }

    @Test func anInviteMayBeOfAnyAccount() throws {
        let second = BridgeAccount(row: 4, vendor: "openai", name: "other")
        let body = try body(try bridge().call(.inviteCode, of: [account, second]))
        #expect(body["account"] == nil)
        #expect(body["accounts"]?.arrayValue?.compactMap { $0["id"]?.integerValue } == [3, 4])
    }

    @Test(
        arguments: [
            (.profile(username: "猫"), "profile", ["username": "猫"]),
            (
                .userFeed(userID: "user-1", FeedPage(limit: 8)), "user-feed",
                ["user_id": "user-1", "limit": 8, "cursor": .null]
            ),
            (
                .search(PeopleSearch(username: "j", intent: "cameo", limit: 5)), "search",
                ["username": "j", "intent": "cameo", "limit": 5]
            ),
            (
                .enhance(PromptWish(prompt: "p", level: "long", seconds: nil)), "enhance-prompt",
                ["prompt": "p", "expansion_level": "long", "duration_s": .null]
            ),
            (.pendingTasks(list: 2), "pending-tasks", ["list": 2]),
            (.pendingTask(id: "t"), "pending-task", ["task_id": "t"]),
            (.ownFeed(limit: 1), "own-feed", ["limit": 1]),
        ] as [(BridgeQuestion, String, JSON)])
    func everyQuestionHasItsOperation(
        _ question: BridgeQuestion, _ operation: String, _ arguments: JSON
    ) throws {
        let call = try bridge("https://bridge.example/here").call(question, of: [account])
        #expect(call.url == "https://bridge.example/here/v1/\(operation)")
        #expect(try body(call)["arguments"] == arguments)
    }

    @Test func aCharacterIsAskedForWithItsVideoInside() throws {
        var draft = CameoDraft(video: Reference(.bytes([]), field: "video"), timestamps: "0,3")
        draft.username = "me"
        let id = TaskID.random()
        let call = try bridge().creation(of: draft, asked: id, of: account, video: ("/spool/a", .mp4))
        guard case .jsonWithFiles(let body, let files) = call.body, let file = files.first else {
            Issue.record("\(call.body)")
            return
        }
        #expect(call.url.hasSuffix("/v1/create-character") && !call.isRepeatable)
        #expect(call.timeoutSeconds == Limits.bridgeCreationSecondsMax)
        #expect(Limits.cameoBusySeconds > Limits.bridgeCreationSecondsMax + 5)
        #expect(body["request_id"]?.stringValue == id.description && body["account"]?["id"] == 3)
        #expect(files.count == 1 && file.path == "/spool/a" && file.type == .mp4)
        #expect(body["arguments"]?["video"]?.stringValue == file.mark)
        #expect(body["arguments"]?["username"] == "me" && body["arguments"]?["display_name"] == .null)
    }

    @Test func aCharacterHasAnIdAndAName() throws {
        func created(_ character: String) throws -> MadeCameo {
            let body = "{\"result\": {\"character\": \(character)}}"
            return try bridge().created(HTTPReply(status: 200, body: Array(body.utf8)))
        }
        #expect(
            try created(#"{"cameo_id": "ch_1", "username": "me", "character_id": "", "x": 1}"#)
                == MadeCameo(
                    cameoID: "ch_1", characterID: nil, username: "me", displayName: "me", profileURL: nil))
        for bad in [
            "null", "{}", #"{"cameo_id": "ch_1"}"#, #"{"cameo_id": "", "username": "me"}"#,
            #"{"cameo_id": 7, "username": "me"}"#,
            #"{"cameo_id": "\#(String(repeating: "x", count: 257))", "username": "me"}"#,
        ] {
            let error = #expect(throws: KinoraError.self) { try created(bad) }
            #expect(error?.code == .upstreamProtocol)
        }
    }

    // Replies

    private func answer(
        _ body: String, status: Int = 200, headers: [String: String] = [:], to question: BridgeQuestion
    ) throws -> BridgeAnswer {
        try bridge().answer(
            HTTPReply(status: status, headers: headers, body: Array(body.utf8)), to: question)
    }

    @Test func answersAreReadAndWhatIsNotKnownIsOverlooked() throws {
        let items = #"{"result": {"items": [{"a": 1}, {"b": 2}, {"c": 3}], "cursor": "d", "x": 0}, "y": 0}"#
        #expect(try answer(items, to: feed) == .page([["a": 1], ["b": 2]], cursor: "d"))
        #expect(try answer(#"{"result": {"items": [], "cursor": null}}"#, to: feed) == .page([], cursor: nil))
        #expect(try answer(#"{"result": {"invite": null}}"#, to: .inviteCode) == .invite(nil))
        let invite = #"{"result": {"invite": {"code": "A", "remaining": 1, "total": 2}}}"#
        #expect(
            try answer(invite, to: .inviteCode)
                == .invite(Invite(code: "A", remaining: 1, total: 2, email: nil)))
        #expect(
            try answer(#"{"result": {"task": {"id": "t"}}}"#, to: .pendingTask(id: "t")) == .task(["id": "t"])
        )
    }

    @Test(
        arguments: [
            "", "<html>", "{}", "[]", #"{"result": []}"#, #"{"result": {}}"#, #"{"result": {"items": {}}}"#,
            #"{"result": {"items": [1]}}"#, #"{"result": {"items": [{"a": 1}]"#,
            #"{"result": {"items": []}}"#, #"{"result": {"items": [], "cursor": 7}}"#,
        ])
    func whatMakesNoSenseIsRefused(_ body: String) throws {
        let error = #expect(throws: KinoraError.self) { try answer(body, to: feed) }
        #expect(error?.code == .upstreamProtocol)
    }

    @Test(
        arguments: [
            ("unauthorized", 401, .upstreamCredential), ("account_unknown", 404, .accountNotFound),
            ("account_refused", 502, .upstreamCredential), ("account_exhausted", 402, .upstreamMoney),
            ("rate_limited", 429, .upstreamRate), ("busy", 429, .upstreamConcurrency),
            ("content_refused", 400, .contentRefused), ("invalid_argument", 400, .upstreamRequest),
            ("taken", 409, .alreadyExists), ("unsupported", 501, .notSupported),
            ("failed", 500, .upstreamServer),
            ("not_found", 404, .accountNotFound), ("", 401, .upstreamCredential),
            ("", 403, .upstreamCredential),
            ("", 429, .upstreamRate), ("", 503, .upstreamServer), ("", 418, .upstreamProtocol),
            ("", 302, .upstreamProtocol), ("something", 500, .upstreamServer),
        ] as [(String, Int, ErrorCode)])
    func anErrorHasItsClass(_ word: String, _ status: Int, _ code: ErrorCode) throws {
        let body = #"{"error": {"code": "\#(word)", "message": "VENDOR WORDS"}}"#
        for body in [body] + (word.isEmpty ? ["<html>", ""] : []) {
            let error = #expect(throws: KinoraError.self) {
                try answer(body, status: status, headers: ["retry-after": "7"], to: feed)
            }
            #expect(error?.code == code && error?.retryAfterSeconds == 7)
            #expect(error?.message.contains("VENDOR") == false)
        }
    }

    @Test func whatIsMissingIsWhatWasAskedFor() throws {
        for (question, code) in [
            (BridgeQuestion.profile(username: "x"), ErrorCode.profileNotFound),
            (.userFeed(userID: "x", FeedPage(limit: 1)), .profileNotFound),
            (.pendingTask(id: "x"), .taskNotFound),
        ] {
            let error = #expect(throws: KinoraError.self) {
                try answer(#"{"error": {"code": "not_found"}}"#, status: 404, to: question)
            }
            #expect(error?.code == code)
        }
    }

    @Test func onlyABridgeOfThisVersionIsGreeted() throws {
        func check(_ body: String) throws {
            try bridge().checkHello(HTTPReply(status: 200, body: Array(body.utf8)))
        }
        try check(#"{"result": {"protocol": "kinora-bridge", "version": 1, "name": "mine"}}"#)
        for other in [
            #"{"result": {"protocol": "kinora-bridge", "version": 2}}"#, #"{"result": {}}"#, #"{"ok": true}"#,
        ] { #expect(throws: KinoraError.self) { try check(other) } }
    }

    // Its address

    @Test(
        arguments: [
            "https://bridge.example", "https://10.0.0.7:9470/base/", "http://127.0.0.1:9470",
            "http://[::1]:1/b",
        ])
    func anAddressThatKeepsTheKeyIsTaken(_ url: String) throws { _ = try bridge(url) }

    @Test(
        arguments: [
            "", "bridge.example", "ftp://bridge.example", "http://bridge.example", "http://127.0.0.1.example",
            "http://localhost:9470", "https://user:word@bridge.example", "https://bridge.example/?a=b",
            "https://bridge.example/#a",
        ])
    func anyOtherIsRefused(_ url: String) throws {
        let error = #expect(throws: KinoraError.self) { try bridge(url) }
        #expect(error?.code == .configuration && error?.message.contains("KINORA_BRIDGE_URL") == true)
    }
}
