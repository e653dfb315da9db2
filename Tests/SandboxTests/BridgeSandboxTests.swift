import Core
import Foundation
import TestSupport
import Testing
import Upstream

@testable import Sandbox

/// Kinora's half of the bridge in conversation with the one that the sandbox plays.
@Suite struct BridgeSandboxTests {
    private static let origin = "https://127.0.0.1"
    private static let main = BridgeAccount(row: 3, vendor: "openai", name: "main")

    /// A bridge of the sandbox, and what the transport does.
    private struct Conversation {
        let sandbox: LiveSandbox
        let bridge: Bridge

        func send(_ call: HTTPCall) throws -> HTTPReply {
            let json: JSON
            switch call.body {
            case .json(let body): json = body
            case .jsonWithFiles(let body, let files): json = try Self.filled(body, files)
            default: throw KinoraError(.internalFault, detail: "no JSON")
            }
            var client = sandbox.client
            client.headers = call.headers.map { ($0.name, $0.value.revealed()) }
            let path = String(call.url.dropFirst(BridgeSandboxTests.origin.count))
            let reply = try client.send(call.method.rawValue, path, json: json)
            return HTTPReply(
                status: reply.status,
                headers: Dictionary(reply.headers.map { ($0.name.lowercased(), $0.value) }) { $1 },
                body: reply.body)
        }

        /// With the files in the places of their marks.
        private static func filled(_ body: JSON, _ files: [HTTPCall.InlineFile]) throws -> JSON {
            var text = body.text
            for file in files {
                let bytes = try Array(Data(contentsOf: URL(filePath: file.path)))
                text = text.replacing(
                    file.mark, with: "data:\(file.type.rawValue);base64,\(Core.Base64.encode(bytes))")
            }
            return try JSONParser.parse(Array(text.utf8))
        }

        func create(
            _ username: String?, asked id: TaskID = .random(), film: [UInt8]
        ) throws -> MadeCameo {
            let path = "\(sandbox.folder.path)/film"
            try Data(film).write(to: URL(filePath: path))
            var draft = CameoDraft(video: Reference(.bytes(film), field: "video"), timestamps: "0,3")
            draft.username = username
            draft.displayName = "My Character"
            let call = bridge.creation(
                of: draft, asked: id, of: BridgeSandboxTests.main, video: (path, .mp4))
            return try bridge.created(try send(call))
        }

        func ask(
            _ question: BridgeQuestion, _ accounts: [BridgeAccount] = [BridgeSandboxTests.main]
        ) throws -> BridgeAnswer {
            try bridge.answer(try send(bridge.call(question, of: accounts)), to: question)
        }
    }

    private func talk(key: String = "bridge-sandbox-1", _ body: (Conversation) throws -> Void) throws {
        try withSandbox { sandbox in
            let bridge = try Bridge(url: Self.origin + "/bridge", key: Secret(key))
            try body(Conversation(sandbox: sandbox, bridge: bridge))
        }
    }

    @Test func itIsGreeted() throws {
        try talk { talk in try talk.bridge.checkHello(try talk.send(talk.bridge.hello())) }
    }

    @Test func everyQuestionIsAnswered() throws {
        try talk { talk in
            guard case .profile(let profile) = try talk.ask(.profile(username: "john")),
                case .people(let people) = try talk.ask(
                    .search(PeopleSearch(username: "john", intent: "cameo", limit: 10))),
                case .prompt(let prompt) = try talk.ask(
                    .enhance(PromptWish(prompt: "a cat", level: "long", seconds: 15))),
                case .tasks(let tasks) = try talk.ask(.pendingTasks(list: 2)),
                case .task(let task) = try talk.ask(.pendingTask(id: "task_running"))
            else {
                Issue.record("an answer of another kind")
                return
            }
            #expect(profile["username"] == "john" && profile["user_id"] == "user-john")
            #expect(people.count == 2 && people.allSatisfy { $0["can_cameo"] == true })
            #expect(prompt.contains("a cat") && prompt.contains("15 s"))
            #expect(tasks.count == 2 && tasks.contains(.object(task)))
            let invite = try talk.ask(
                .inviteCode, [BridgeAccount(row: 10, vendor: "openai", name: "spent"), Self.main])
            #expect(
                invite
                    == .invite(
                        Invite(code: "SBX103", remaining: 7, total: 10, email: "main@sandbox.example")))
            let spent = try talk.ask(.inviteCode, [BridgeAccount(row: 10, vendor: "openai", name: "spent")])
            #expect(spent == .invite(nil))
        }
    }

    @Test(
        arguments: [
            { .feed(cut: "nf2_latest", $0) }, { .userFeed(userID: "user-john", $0) },
        ] as [@Sendable (FeedPage) -> BridgeQuestion])
    func aFeedHasPagesAndAnEnd(_ question: @Sendable (FeedPage) -> BridgeQuestion) throws {
        try talk { talk in
            var ids: [String] = []
            var cursor: String?
            for _ in 0..<3 {
                guard
                    case .page(let items, let next) = try talk.ask(
                        question(FeedPage(limit: 10, cursor: cursor)))
                else { throw KinoraError(.internalFault) }
                ids += items.compactMap { $0["id"]?.stringValue }
                cursor = next
            }
            #expect(ids.count == 25 && Set(ids).count == 25 && cursor == nil)
        }
    }

    @Test func whatIsNotThereIsNotFound() throws {
        try talk { talk in
            func code(_ question: BridgeQuestion, _ account: BridgeAccount = Self.main) -> ErrorCode? {
                do { _ = try talk.ask(question, [account]) } catch { return (error as? KinoraError)?.code }
                return nil
            }
            #expect(code(.profile(username: "nobody")) == .profileNotFound)
            #expect(code(.userFeed(userID: "user-nobody", FeedPage(limit: 1))) == .profileNotFound)
            #expect(code(.pendingTask(id: "task_done")) == .taskNotFound)
            let unknown = BridgeAccount(row: 1, vendor: "openai", name: "unknown")
            #expect(code(.pendingTasks(list: 1), unknown) == .accountNotFound)
            #expect(code(.feed(cut: "nf2_top", FeedPage(limit: 1, cursor: "99"))) == .upstreamRequest)
        }
        try talk(key: "somebody-else") { talk in
            let error = #expect(throws: KinoraError.self) { try talk.ask(.ownFeed(limit: 1)) }
            #expect(error?.code == .upstreamCredential && error?.message == "The bridge refused its key.")
        }
    }

    @Test(
        arguments: [
            (.rateLimit, .upstreamRate), (.concurrency, .upstreamConcurrency),
            (.serverError, .upstreamServer),
            (.unavailable, .upstreamServer), (.badGateway, .upstreamServer), (.html, .upstreamProtocol),
            (.truncatedJSON, .upstreamProtocol), (.wrongJSON, .upstreamProtocol),
            (.wrongKey, .upstreamCredential),
            (.insufficientQuota, .upstreamMoney),
        ] as [(Fault, ErrorCode)])
    func aFaultIsUnderstood(_ fault: Fault, _ code: ErrorCode) throws {
        try talk { talk in
            let armed = try talk.sandbox.arm(["fault": .string(fault.rawValue), "vendor": "bridge"])
            #expect(armed.status == 200)
            let error = #expect(throws: KinoraError.self) { try talk.ask(.ownFeed(limit: 1)) }
            #expect(error?.code == code)
            _ = try talk.ask(.ownFeed(limit: 1))
        }
    }

    @Test func aCharacterIsMadeOnceForEachRequest() throws {
        let film: [UInt8] = [0, 0, 0, 24] + Array("ftypmp42".utf8) + [0, 0, 0, 0]
        try talk { talk in
            func code(_ username: String?, _ film: [UInt8]) -> ErrorCode? {
                do { _ = try talk.create(username, film: film) } catch {
                    return (error as? KinoraError)?.code
                }
                return nil
            }
            let id = TaskID.random()
            let first = try talk.create("me", asked: id, film: film)
            #expect(first.username == "me" && first.displayName == "My Character")
            #expect(try talk.create("another", asked: id, film: film) == first)
            #expect(try talk.create(nil, film: film) != first)
            let stats = try talk.sandbox.stats()
            #expect(stats["accepted"] == 2 && stats["by_vendor"]?["bridge"] == 2)
            #expect(code("taken", film) == .alreadyExists)
            #expect(code("me", Array("no film".utf8)) == .upstreamRequest)
            // An answer that is lost was an answer: the same request gets it again.
            let lost = TaskID.random()
            _ = try talk.sandbox.arm(["fault": "wrong_json", "vendor": "bridge", "operation": "submit"])
            let error = #expect(throws: KinoraError.self) { try talk.create("me", asked: lost, film: film) }
            #expect(error?.code == .upstreamProtocol)
            _ = try talk.create("me", asked: lost, film: film)
            #expect(try talk.sandbox.stats()["accepted"] == 3)
        }
    }

    @Test func itIsAsStrictAsItsPage() throws {
        try withSandbox { sandbox in
            var client = sandbox.client
            client.headers = [("Authorization", "Bearer bridge-sandbox-1")]
            let account: JSON = ["id": 1, "vendor": "openai", "name": "main"]
            func sent(_ operation: String, _ body: JSON) throws -> String {
                let reply = try client.send("POST", "/bridge/v1/\(operation)", json: body)
                return "\(reply.status) \(reply.json["error"]?["code"]?.stringValue ?? "")"
            }
            let id = JSON.string(TaskID.random().description)
            for (operation, body, expected) in [
                ("hello", ["arguments": [:]], "400 invalid_argument"),
                ("hello", ["request_id": "1", "arguments": [:]], "400 invalid_argument"),
                ("hello", ["request_id": id], "400 invalid_argument"),
                ("profile", ["request_id": id, "arguments": ["username": "x"]], "400 invalid_argument"),
                (
                    "profile", ["request_id": id, "account": account, "arguments": [:]],
                    "400 invalid_argument"
                ),
                ("fly", ["request_id": id, "account": account, "arguments": [:]], "501 unsupported"),
            ] as [(String, JSON, String)] {
                let said = try sent(operation, body)
                #expect(said == expected, "\(operation) \(body)")
            }
            #expect(try client.send("GET", "/bridge/v1/hello").status == 501)
            client.headers = []
            let anonymous = try sent("hello", ["request_id": id, "arguments": [:]])
            #expect(anonymous == "401 unauthorized")
        }
    }
}
