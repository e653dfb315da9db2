import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

@Suite(.freshDatabase) struct BridgeTests {
    private let enhance = BridgeQuestion.enhance(PromptWish(prompt: "p", level: "short", seconds: nil))
    private static let key = "the-bridge's-own-key"

    private func withStage(
        slots: [Int] = [1, 1], _ bridge: ScriptedBridge?, _ body: (Stage) throws -> Void
    ) throws {
        let line = try bridge.map {
            BridgeLine(try Bridge(url: "http://127.0.0.1:1", key: Secret(Self.key)), $0)
        }
        try body(try Stage(slots: slots, bridge: line))
    }

    private static let written = ScriptedBridge.reply(200, ["result": ["prompt": "p"]])

    private func code(_ body: () throws -> Void) -> ErrorCode? {
        do { try body() } catch { return (error as? KinoraError)?.code }
        return nil
    }

    private func operate(_ stage: Stage, _ user: Int64? = nil) -> Caller {
        Caller(userID: user ?? stage.caller.userID, keyID: stage.caller.keyID, isOperator: true)
    }

    @Test func withoutABridgeItsSettingIsNamed() throws {
        try withStage(nil) { stage in
            let error = #expect(throws: KinoraError.self) { try stage.perform(.ask(enhance, account: nil)) }
            #expect(error?.code == .notSupported && error?.message.contains("KINORA_BRIDGE_URL") == true)
        }
    }

    @Test func onlyOperatorsAskOfAccounts() throws {
        let bridge = ScriptedBridge { _ in Self.written }
        try withStage(bridge) { stage in
            for question in [
                BridgeQuestion.inviteCode, .pendingTasks(list: 1), .pendingTask(id: "t"), .ownFeed(limit: 1),
            ] {
                #expect(code { _ = try stage.perform(.ask(question, account: 1)) } == .forbidden)
                #expect(code { _ = try stage.perform(.ask(question, account: nil)) } == .forbidden)
            }
            #expect(code { _ = try stage.perform(.ask(enhance, account: 1)) } == .forbidden)
            #expect(bridge.calls.all.isEmpty)
            _ = try stage.perform(.ask(enhance, account: nil))
            _ = try stage.perform(.ask(enhance, account: 2), as: operate(stage))
            #expect(bridge.calls.all.map(\.accounts) == [[1], [2]])
        }
    }

    @Test func aShortCallsThreadDoesNotWaitForIt() throws {
        let bridge = ScriptedBridge { _ in Self.written }
        try withStage(bridge) { stage in
            guard case .needsPatience = try stage.perform(.ask(enhance, account: nil), mayWait: false) else {
                Issue.record("it was asked on a short call's thread")
                return
            }
            #expect(bridge.calls.all.isEmpty)
        }
    }

    @Test func theFirstAccountThatMayWorkIsMeant() throws {
        let bridge = ScriptedBridge { call in
            call.operation == "invite-code"
                ? ScriptedBridge.reply(200, ["result": ["invite": .null]]) : Self.written
        }
        try withStage(slots: [1, 1, 1, 1], bridge) { stage in
            try stage.database.sql(
                """
                UPDATE account SET state = 'disabled' WHERE id = 1;
                UPDATE account SET state = 'cooling', cooling_until = now() + interval '1 hour' WHERE id = 2;
                UPDATE account SET vendor = 'vidu' WHERE id = 4;
                """)
            _ = try stage.perform(.ask(enhance, account: nil))
            _ = try stage.perform(.ask(.inviteCode, account: nil), as: operate(stage))
            // Who names one means it.
            _ = try stage.perform(.ask(enhance, account: 1), as: operate(stage))
            let asked = bridge.calls.all.map(\.accounts)
            #expect(asked[0] == [3] && asked[1].sorted() == [2, 3] && asked[2] == [1])
            #expect(
                code { _ = try stage.perform(.ask(enhance, account: 99), as: operate(stage)) }
                    == .accountNotFound)
            try stage.database.sql("UPDATE account SET state = 'disabled', cooling_until = NULL")
            #expect(code { _ = try stage.perform(.ask(enhance, account: nil)) } == .accountNotFound)
        }
    }

    @Test func aBridgeThatFailsSaysNothingOfItsKey() throws {
        let bridge = ScriptedBridge { call in
            let words: JSON = ["error": ["code": "unauthorized", "message": .string("not \(Self.key)")]]
            return ScriptedBridge.reply(401, words)
        }
        try withStage(bridge) { stage in
            let error = #expect(throws: KinoraError.self) { try stage.perform(.ask(enhance, account: nil)) }
            #expect(error?.code == .upstreamCredential && error?.debugDescription.contains(Self.key) == false)
            #expect(error?.detail.contains("***") == true)
            let state = try stage.database.sql("SELECT string_agg(state, ',') FROM account")
            #expect(state == [["active,active"]], "tasks have their own ways")
        }
    }

    @Test func oneUserCannotHoldAllOfItAndItsPlacesComeBack() throws {
        let bridge = ScriptedBridge { _ in nil }
        try withStage(bridge) { stage in
            let done = Happening<Int64>()
            func begin(_ user: Int64) throws {
                let caller = Caller(userID: user, keyID: 1)
                let thread = try Thread {
                    _ = try? stage.gateway.perform(
                        .ask(enhance, account: nil), for: caller, .init(mayWait: true, isWanted: { true }))
                    done.note(user)
                }
                _ = thread
            }
            for user in 1...4 {
                for _ in 0..<Limits.bridgeCallsPerUserMax { try begin(Int64(user)) }
                let most = user * Limits.bridgeCallsPerUserMax
                #expect(bridge.calls.wait { $0.count == most })
                let own = code {
                    _ = try stage.perform(
                        .ask(enhance, account: nil), as: Caller(userID: Int64(user), keyID: 1))
                }
                #expect(own == .queueFull)
            }
            // All of them together are at the end of it too.
            let other = code {
                _ = try stage.perform(.ask(enhance, account: nil), as: Caller(userID: 9, keyID: 1))
            }
            #expect(other == .queueFull)
            bridge.letGo()
            #expect(done.wait { $0.count == Limits.bridgeCallsMax })
            try begin(9)
            #expect(bridge.calls.wait { $0.count == Limits.bridgeCallsMax + 1 })
            bridge.letGo()
            #expect(done.wait { $0.count == Limits.bridgeCallsMax + 1 })
        }
    }

    @Test func anInstanceIsToldWhatIsWrongWithItsBridge() throws {
        for (answer, words) in [
            (ScriptedBridge.reply(200, ["result": ["protocol": "kinora-bridge", "version": 1]]), nil),
            (ScriptedBridge.reply(200, ["ok": true]), "KINORA_BRIDGE_URL: The upstream sent an answer"),
            (ScriptedBridge.reply(401, ["error": ["code": "unauthorized"]]), "The bridge refused its key."),
            (
                .failure(TransportFailure(KinoraError(.upstreamUnreachable), mayHaveArrived: false)),
                "KINORA_BRIDGE_URL: The upstream could not be reached."
            ),
        ] as [(Result<HTTPReply, TransportFailure>, String?)] {
            let line = BridgeLine(
                try Bridge(url: "http://127.0.0.1:1", key: Secret(Self.key)), ScriptedBridge { _ in answer })
            var message: String?
            do throws(KinoraError) { try line.prove() } catch { message = error.message }
            #expect(words.map { message?.contains($0) == true } ?? (message == nil), "\(message ?? "")")
        }
    }
}
