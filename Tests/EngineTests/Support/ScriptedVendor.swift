import Core
import Foundation
import Synchronization
import TestSupport
import Upstream

/// A vendor that speaks OpenAI's videos and images APIs in memory. It takes every task and has a video done
/// at the first poll and pictures at once, unless the test's script answers otherwise. It remembers every
/// call and every task that it took.
final class ScriptedVendor: Transport {
    enum Step: String, Sendable { case submit, poll, list, content, removal, account }

    /// One call as the script sees it.
    struct Call: Sendable {
        let step: Step
        /// Which call of its step this is, from 1.
        let nth: Int
        /// The same among the calls about its task.
        let nthOfTask: Int
        /// The vendor's id of the task, for a poll and a download.
        let ticket: String?
        let prompt: String?
        let path: String
        let account: VendorAccount
        let body: HTTPCall.Body
        let isRepeatable: Bool
        /// Whether the account's key went with it.
        let hasKey: Bool
    }

    enum Answer: Sendable {
        case json(Int, JSON, headers: [String: String] = [:])
        case bytes([UInt8], status: Int = 200)
        /// No answer. `mayHaveArrived` is what the transport knows, `isTaken` what the vendor did.
        case lost(mayHaveArrived: Bool, isTaken: Bool = false)
        /// As without a script, but only once the test has called `release`.
        case held
    }

    typealias Script = @Sendable (Call) -> Answer?
    typealias Completion = @Sendable (Result<HTTPReply, TransportFailure>) -> Void

    private struct State {
        var script: Script = { _ in nil }
        var calls: [Call] = []
        /// What it took, oldest first, as its list tells it.
        var videos: [JSONObject] = []
        var held: [(call: Call, sink: ReplySink, completion: Completion)] = []
        var isReleased = false
    }

    private let state = Mutex(State())
    let called = Happening<Step>()

    init(_ script: @escaping Script = { _ in nil }) { state.withLock { $0.script = script } }

    func script(_ script: @escaping Script) {
        state.withLock { state in
            state.script = script
            state.isReleased = false
        }
    }

    var calls: [Call] { state.withLock { $0.calls } }
    func calls(_ step: Step) -> [Call] { calls.filter { $0.step == step } }
    /// How many tasks it took, whether anybody heard so or not.
    var taken: Int { state.withLock { $0.videos.count } }

    /// Waits until a step was called so often.
    func waits(for step: Step, times: Int = 1) -> Bool { called.wait { $0.count { $0 == step } >= times } }

    /// Answers what is held: as if nothing had happened, and holds nothing more; or, once, with an answer.
    /// A worker may ask again what it has asked, for a claim that has come since: nobody knows which call is
    /// the last one.
    func release(with answer: Answer? = nil) {
        let held = state.withLock { state in
            defer { state.held = [] }
            if answer == nil { state.isReleased = true }
            return state.held
        }
        for item in held { self.answer(item.call, answer, item.sink, item.completion) }
    }

    func send(
        _ call: HTTPCall, to account: VendorAccount, into sink: ReplySink, completion: @escaping Completion
    ) {
        let (seen, script) = state.withLock { state in
            let seen = Self.read(call, account, state)
            state.calls.append(seen)
            return (seen, state.script)
        }
        let answer = script(seen)
        guard case .held = answer else {
            self.answer(seen, answer, sink, completion)
            called.note(seen.step)
            return
        }
        let isHeld = state.withLock { state in
            if !state.isReleased { state.held.append((seen, sink, completion)) }
            return !state.isReleased
        }
        if !isHeld { self.answer(seen, nil, sink, completion) }
        called.note(seen.step)
    }

    private static func read(_ call: HTTPCall, _ account: VendorAccount, _ state: State) -> Call {
        // Everything outside of the API is a download.
        let isAPI = call.url.hasPrefix(account.baseURL)
        let path = isAPI ? String(call.url.dropFirst(account.baseURL.count)) : call.url
        let parts = path.split(separator: "/").map(String.init)
        let step: Step =
            switch (call.method, parts.count) {
            case _ where !isAPI: .content
            case _ where ["models", "dashboard"].contains(parts.first): .account
            case (.post, _): .submit
            case (.delete, _): .removal
            case (_, 1): .list
            case (_, 2): .poll
            default: .content
            }
        let ticket = [.submit, .list, .account].contains(step) ? nil : parts[1]
        let prompt = ticket.map { id in
            state.videos.first { $0["id"]?.stringValue == id }?["prompt"]?.stringValue
        }
        return Call(
            step: step, nth: state.calls.count { $0.step == step } + 1,
            nthOfTask: state.calls.count { $0.step == step && $0.ticket == ticket } + 1, ticket: ticket,
            prompt: prompt ?? fields(of: call.body)["prompt"]?.stringValue, path: path, account: account,
            body: call.body, isRepeatable: call.isRepeatable,
            hasKey: call.headers.contains { $0.value.revealed().contains(account.credential.revealed()) })
    }

    private static func fields(of body: HTTPCall.Body) -> JSONObject {
        switch body {
        case .none, .jsonBytes, .file: [:]
        case .json(let json), .jsonWithFiles(let json, _): json.objectValue ?? [:]
        case .multipart(let parts):
            JSONObject(
                parts.compactMap { part in
                    if case .text(let name, let value) = part { (name, .string(value)) } else { nil }
                })
        }
    }

    private func answer(_ call: Call, _ answer: Answer?, _ sink: ReplySink, _ completion: Completion) {
        switch answer ?? obliging(call) {
        case .json(let status, let json, let headers):
            reply(status, Array(json.text.utf8), headers, sink, completion)
        case .bytes(let bytes, let status): reply(status, bytes, [:], sink, completion)
        case .lost(let mayHaveArrived, let isTaken):
            if isTaken { _ = take(call) }
            let error = KinoraError(.upstreamUnreachable, detail: "the line went dead")
            completion(.failure(TransportFailure(error, mayHaveArrived: mayHaveArrived)))
        case .held: preconditionFailure("a held call has no answer yet")
        }
    }

    private func reply(
        _ status: Int, _ bytes: [UInt8], _ headers: [String: String], _ sink: ReplySink,
        _ completion: Completion
    ) {
        switch sink {
        case .memory, .beginning:
            completion(.success(HTTPReply(status: status, headers: headers, body: bytes)))
        case .reader: preconditionFailure("nobody reads from here")
        case .file(let path, _):
            _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
            completion(.success(HTTPReply(status: status, headers: headers, fileBytes: bytes.count)))
        }
    }

    private func obliging(_ call: Call) -> Answer {
        switch call.step {
        case .submit where call.path.hasPrefix("/images/"): pictures(call, take(call))
        case .submit: .json(200, ["id": .string(take(call)), "object": "video", "status": "queued"])
        case .poll: .json(200, ["id": JSON(call.ticket), "status": "completed", "progress": 100])
        case .list: .json(200, ["data": .array(state.withLock { $0.videos.reversed().map(JSON.object) })])
        case .content: .bytes(Self.film(call.ticket ?? ""))
        case .account: .json(200, ["data": [], "hard_limit_usd": 20, "total_usage": 750])
        case .removal: .json(200, ["id": JSON(call.ticket), "deleted": true])
        }
    }

    private func take(_ call: Call) -> String {
        state.withLock { state in
            let id = "video_\(state.videos.count + 1)"
            var video = Self.fields(of: call.body)
            video["id"] = .string(id)
            video["created_at"] = .integer(Int64(Date().timeIntervalSince1970))
            let parts = call.path.split(separator: "/")
            if parts.count == 3 { video["remixed_from_video_id"] = .string(String(parts[1])) }
            state.videos.append(video)
            return id
        }
    }

    private func pictures(_ call: Call, _ id: String) -> Answer {
        let count = Int(Self.fields(of: call.body)["n"]?.integerValue ?? 1)
        let data = (1...count).map { number -> JSON in
            ["b64_json": .string(Base64.encode(Self.picture("\(id) \(number)")))]
        }
        return .json(200, ["created": 1, "data": .array(data)])
    }

    /// Bytes that pass for a PNG, other ones for each name.
    static func picture(_ name: String) -> [UInt8] {
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Array("rest of the picture \(name)".utf8)
    }

    /// Bytes that pass for an MP4, other ones for each task.
    static func film(_ name: String) -> [UInt8] {
        [0, 0, 0, 24] + Array("ftypmp42\0\0\0\0mp42isom \(name)".utf8)
    }
}
