import Core
import Synchronization
import TestSupport
import Upstream

/// A bridge that answers by script; nil: it does not answer until it is let go.
final class ScriptedBridge: Transport {
    struct Call: Sendable {
        let operation: String
        let requestID: String
        let accounts: [Int64]
        let arguments: JSON
        /// Types of the files that stand in the body.
        let files: [MediaType]
    }

    let calls = Happening<Call>()
    private let answer: @Sendable (Call) -> Result<HTTPReply, TransportFailure>?
    private let held = Mutex<[@Sendable (Result<HTTPReply, TransportFailure>) -> Void]>([])

    init(_ answer: @escaping @Sendable (Call) -> Result<HTTPReply, TransportFailure>?) {
        self.answer = answer
    }

    static func reply(_ status: Int, _ body: JSON) -> Result<HTTPReply, TransportFailure> {
        .success(HTTPReply(status: status, body: body.serialized()))
    }

    func send(
        _ call: HTTPCall, to account: VendorAccount, into sink: ReplySink,
        completion: @escaping @Sendable (Result<HTTPReply, TransportFailure>) -> Void
    ) {
        let body: JSON
        var files: [MediaType] = []
        switch call.body {
        case .json(let json): body = json
        case .jsonWithFiles(let json, let inside):
            body = json
            files = inside.map(\.type)
        default: return
        }
        let accounts = body["accounts"]?.arrayValue ?? [body["account"]].compactMap { $0 }
        let seen = Call(
            operation: call.url.split(separator: "/").last.map(String.init) ?? "",
            requestID: body["request_id"]?.stringValue ?? "",
            accounts: accounts.compactMap { $0["id"]?.integerValue }, arguments: body["arguments"] ?? .null,
            files: files)
        if let answer = answer(seen) {
            calls.note(seen)
            completion(answer)
        } else {
            held.withLock { $0.append(completion) }
            calls.note(seen)
        }
    }

    /// Answers all calls that hang.
    func letGo(_ body: JSON = ["result": ["prompt": "p"]]) {
        for completion in held.withLock({ held in
            defer { held = [] }
            return held
        }) { completion(Self.reply(200, body)) }
    }
}
