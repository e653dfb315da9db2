import Core
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Characters by the bridge: one for each request, whatever breaks, and each its owner's.
@Suite(.freshDatabase) struct CharacterTests {
    private static let made: JSON = [
        "result": ["character": ["cameo_id": "ch_1", "username": "made", "display_name": "Made"]]
    ]
    private static let film: [UInt8] = [0, 0, 0, 24] + Array("ftypmp42".utf8) + [0, 0, 0, 0]

    private func withStage(_ bridge: ScriptedBridge?, _ body: (Stage) throws -> Void) throws {
        let line = try bridge.map { BridgeLine(try Bridge(url: "http://127.0.0.1:1", key: Secret("k")), $0) }
        try body(try Stage(bridge: line))
    }

    private func draft(
        key: String? = nil, fingerprint: String = String(repeating: "0a", count: 32), bytes: [UInt8] = film
    ) -> CameoDraft {
        var draft = CameoDraft(
            video: Reference(.bytes(bytes), field: "video", family: .video), timestamps: "0,3")
        draft.username = "chosen"
        draft.idempotencyKey = key
        draft.fingerprint = fingerprint
        return draft
    }

    private func make(_ stage: Stage, _ draft: CameoDraft, as other: Caller? = nil) throws -> Cameo {
        guard case .madeCameo(let cameo) = try stage.perform(.makeCameo(draft), as: other) else {
            throw KinoraError(.internalFault, detail: "not made")
        }
        return cameo
    }

    private func code(_ body: () throws -> Void) -> ErrorCode? {
        do { try body() } catch { return (error as? KinoraError)?.code }
        return nil
    }

    private func all(_ stage: Stage) throws -> [Cameo] {
        guard case .cameos(let all) = try stage.perform(.cameos) else { return [] }
        return all
    }

    @Test func aVideoBecomesACharacter() throws {
        let bridge = ScriptedBridge { _ in ScriptedBridge.reply(200, Self.made) }
        try withStage(bridge) { stage in
            let cameo = try make(stage, draft())
            #expect(cameo.username == "made" && cameo.cameoID == "ch_1" && cameo.model == "sora-video-10s")
            let call = try #require(bridge.calls.all.first)
            #expect(call.operation == "create-character" && call.accounts == [1] && call.files == [.mp4])
            #expect(call.requestID == cameo.uid.description)
            #expect(call.arguments["username"] == "chosen" && call.arguments["timestamps"] == "0,3")
            #expect(try all(stage) == [cameo])
            #expect(stage.folder.files("spool").isEmpty)
        }
    }

    @Test func ofManyRequestsWithOneKeyOneIsSent() throws {
        let bridge = ScriptedBridge { _ in nil }
        try withStage(bridge) { stage in
            let codes = Happening<ErrorCode?>()
            _ = try (0..<4).map { _ in
                try Thread { codes.note(code { _ = try make(stage, draft(key: "k")) }) }
            }
            #expect(codes.wait { $0.count == 3 })
            #expect(codes.all == Array(repeating: .idempotencyInProgress, count: 3))
            #expect(bridge.calls.wait { $0.count == 1 })
            bridge.letGo(Self.made)
            #expect(codes.wait { $0.count == 4 } && codes.all.last == .some(nil))
            #expect(bridge.calls.all.count == 1)
            let first = try #require(try all(stage).first)
            #expect(
                try make(stage, draft(key: "k", bytes: [1, 2, 3])) == first, "answered before it is checked")
            let other = String(repeating: "0b", count: 32)
            #expect(code { _ = try make(stage, draft(key: "k", fingerprint: other)) } == .idempotencyMismatch)
            #expect(bridge.calls.all.count == 1)
        }
    }

    /// Whether it was made is not known: the same request goes out again, under the same id.
    @Test(arguments: [
        ScriptedBridge.reply(500, ["error": ["code": "failed"]]), ScriptedBridge.reply(200, ["ok": true]),
        .failure(TransportFailure(KinoraError(.upstreamUnreachable), mayHaveArrived: true)),
    ])
    func whatMayHaveBeenMadeIsAskedForAgain(_ failure: Result<HTTPReply, TransportFailure>) throws {
        let hasFailed = Guarded(false)
        let bridge = ScriptedBridge { _ in
            hasFailed.withLock { past in
                defer { past = true }
                return past ? ScriptedBridge.reply(200, Self.made) : failure
            }
        }
        try withStage(bridge) { stage in
            #expect(code { _ = try make(stage, draft(key: "k")) } != nil)
            #expect(try all(stage).map(\.state) == [.processing])
            let cameo = try make(stage, draft(key: "k"))
            let ids = bridge.calls.all.map(\.requestID)
            #expect(ids.count == 2 && Set(ids) == [cameo.uid.description])
            #expect(try all(stage) == [cameo])
        }
    }

    @Test func whatWasRefusedLeavesNothing() throws {
        for (word, status, expected) in [
            ("taken", 409, ErrorCode.alreadyExists), ("content_refused", 400, .contentRefused),
            ("rate_limited", 429, .upstreamRate), ("unsupported", 501, .notSupported),
            ("invalid_argument", 400, .upstreamRequest),
        ] {
            let bridge = ScriptedBridge { _ in
                ScriptedBridge.reply(status, ["error": ["code": .string(word)]])
            }
            let line = BridgeLine(try Bridge(url: "http://127.0.0.1:1", key: Secret("k")), bridge)
            let stage = try Stage(slots: word == "taken" ? [4] : [], bridge: line)
            for key in [nil, "k"] {
                let refusal = code { _ = try make(stage, draft(key: key)) }
                let left = try all(stage)
                #expect(refusal == expected && left.isEmpty)
            }
        }
    }

    @Test func withoutAKeyNothingIsAskedForAgain() throws {
        let bridge = ScriptedBridge { _ in ScriptedBridge.reply(500, [:]) }
        try withStage(bridge) { stage in
            let refusal = code { _ = try make(stage, draft()) }
            let left = try all(stage)
            #expect(refusal == .upstreamServer && left.isEmpty)
        }
    }

    @Test func whatIsNoVideoIsNotSent() throws {
        let bridge = ScriptedBridge { _ in ScriptedBridge.reply(200, Self.made) }
        try withStage(bridge) { stage in
            for bytes in [[1, 2, 3], [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]]
                as [[UInt8]]
            {
                #expect(code { _ = try make(stage, draft(key: "k", bytes: bytes)) } == .invalidValue)
            }
            let long = Self.film + [UInt8](repeating: 0, count: Limits.cameoVideoBytesMax)
            #expect(code { _ = try make(stage, draft(bytes: long)) } == .bodyTooLarge)
            for (model, expected) in [
                ("no-such", ErrorCode?.some(.modelNotFound)), ("gpt-image-2", .invalidValue), ("sora-2", nil),
                ("sora-video-10s", nil),
            ] {
                var draft = draft()
                draft.model = model
                #expect(code { _ = try make(stage, draft) } == expected, "\(model)")
            }
            #expect(bridge.calls.all.count == 2)
            #expect(stage.folder.files("spool").isEmpty)
        }
    }

    @Test func aCharacterIsItsOwners() throws {
        let bridge = ScriptedBridge { _ in ScriptedBridge.reply(200, Self.made) }
        try withStage(bridge) { stage in
            let stranger = try stage.database.caller("stranger")
            let cameo = try make(stage, draft(key: "k"))
            for command in [Command.cameo(cameo.id), .cameo("ch_1"), .deleteCameo(cameo.id)] {
                #expect(code { _ = try stage.perform(command, as: stranger) } == .characterNotFound)
            }
            // The same key of another user is another request.
            #expect(try make(stage, draft(key: "k"), as: stranger).uid != cameo.uid)
            guard case .cameo(let found) = try stage.perform(.cameo(cameo.id)) else { return }
            #expect(found == cameo)
            _ = try stage.perform(.deleteCameo("ch_1"))
            #expect(code { _ = try stage.perform(.cameo(cameo.id)) } == .characterNotFound)
            #expect(try make(stage, draft(key: "k")).uid != cameo.uid, "its key is free again")
        }
    }

    @Test func oneThatIsBeingMadeIsNotDeleted() throws {
        let bridge = ScriptedBridge { _ in nil }
        try withStage(bridge) { stage in
            let done = Happening<Bool>()
            _ = try Thread { done.note((try? make(stage, draft())) != nil) }
            #expect(bridge.calls.wait { $0.count == 1 })
            let cameo = try #require(try all(stage).first)
            #expect(code { _ = try stage.perform(.deleteCameo(cameo.id)) } == .taskNotFinal)
            bridge.letGo(Self.made)
            #expect(done.wait { $0 == [true] })
            _ = try stage.perform(.deleteCameo(cameo.id))
        }
    }

    @Test func withoutABridgeThereAreNoneToMakeButThoseThatAreThere() throws {
        try withStage(nil) { stage in
            #expect(code { _ = try make(stage, draft()) } == .notSupported)
            #expect(try all(stage).isEmpty)
            guard case .callerStats(let stats) = try stage.perform(.callerStats) else { return }
            #expect(stats.accounts == 1 && stats.videos == 0)
        }
    }

    // Chats

    private func chat(
        _ stage: Stage, _ prompt: String, model: String = "sora-2", asked: Bool = true, seconds: Int64 = 4,
        isStreamed: Bool = false
    ) throws -> Outcome {
        let body: JSON = ["model": .string(model), "messages": [], "stream": .bool(isStreamed)]
        var request = try RelayRequest(.chat, body.serialized(), of: nil)
        request.asMedia = { kind throws(KinoraError) in
            var submission = Submission(dialect: "test", model: model, kind: kind, prompt: prompt)
            submission.parameters = [GivenParameter(name: "seconds", value: .integer(seconds))]
            var wish = draft()
            wish.isAskedFor = asked
            submission.cameo = wish
            return submission
        }
        return try stage.perform(.relay(request))
    }

    @Test func aChatMakesACharacterAndTheVideoWithIt() throws {
        let bridge = ScriptedBridge { _ in ScriptedBridge.reply(200, Self.made) }
        try withStage(bridge) { stage in
            for isStreamed in [false, true] {
                guard
                    case .toldCameo(let cameo, "sora", isStreamed) = try chat(
                        stage, " ", isStreamed: isStreamed)
                else { throw KinoraError(.internalFault, detail: "no character") }
                #expect(cameo.username == "made" && cameo.model == "sora-2")
            }
            guard case .accepted(let task) = try chat(stage, "she waves") else {
                throw KinoraError(.internalFault, detail: "no task")
            }
            #expect(task.prompt == "@made she waves")
            // A video in the field of Sora2API is a character for its models.
            guard case .accepted(let other) = try chat(stage, "she waves", asked: false) else { return }
            #expect(other.prompt == "@made she waves")
            #expect(bridge.calls.all.count == 4)
        }
    }

    @Test func whatIsRefusedAnywayMakesNoCharacter() throws {
        let bridge = ScriptedBridge { _ in ScriptedBridge.reply(200, Self.made) }
        try withStage(bridge) { stage in
            #expect(code { _ = try chat(stage, "she waves", seconds: 99) } == .invalidValue)
            let place = PricePlace(model: "sora-2", category: .t2v, resolution: "")
            #expect(try stage.store.setPrice(Price(task: Amount(micros: 5)), at: place) > 0)
            try stage.refresh { $0.models["sora-2"]?.prices[.t2v]?[""] != nil }
            #expect(code { _ = try chat(stage, "she waves") } == .insufficientQuota)
            #expect(bridge.calls.all.isEmpty)
        }
    }
}
