import Core
import Store
import Synchronization
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Pictures of a vendor that makes one for each submit and takes one submit at a time.
@Suite(.freshDatabase) struct PartTests {
    let stage: Stage
    let peer = Peer()

    /// Jimeng, as it stands behind one account. A task of it is done at its first poll.
    final class Peer: Sendable {
        private struct State {
            var submits = 0
            var polls: [Int: Int] = [:]
            var references: [Int] = []
            var prompts: [String] = []
        }

        private let state = Mutex(State())

        var submits: Int { state.withLock { $0.submits } }
        /// How many references came with each.
        var references: [Int] { state.withLock { $0.references } }

        var prompts: [String] { state.withLock { $0.prompts } }

        /// `odd` answers a submit, by its number, otherwise; `oddPoll` a poll, by the number of its task.
        func answer(
            _ call: ScriptedVendor.Call, odd: (Int) -> ScriptedVendor.Answer? = { _ in nil },
            oddPoll: (Int) -> JSON? = { _ in nil }
        ) -> ScriptedVendor.Answer? {
            if call.step == .content { return .bytes(ScriptedVendor.picture(call.path)) }
            let fields: JSON
            switch call.body {
            case .json(let json), .jsonWithFiles(let json, _): fields = json
            default: return nil
            }
            return state.withLock { state in
                guard let id = fields["task_id"]?.stringValue.flatMap({ Int($0) }) else {
                    let isBusy = state.polls.values.contains(0)
                    state.submits += 1
                    if let odd = odd(state.submits) { return odd }
                    guard !isBusy else { return .json(429, ["code": 50430, "message": "busy"]) }
                    state.polls[state.submits] = 0
                    state.prompts.append(fields["prompt"]?.stringValue ?? "")
                    state.references.append(fields["binary_data_base64"]?.arrayValue?.count ?? 0)
                    return Self.said(["task_id": .string(String(state.submits))])
                }
                state.polls[id, default: 0] += 1
                let links: JSON = [.string("https://cdn.example/\(id).png")]
                return oddPoll(id).map { .json(200, $0) }
                    ?? Self.said(["status": "done", "image_urls": links])
            }
        }

        private static func said(_ data: JSON) -> ScriptedVendor.Answer {
            .json(200, ["code": 10_000, "data": data])
        }
    }

    init() throws {
        let database = TestDatabase.current
        let vault = try Vault(masterKey: [UInt8](repeating: 7, count: 32))
        _ = try database.store().addAccount(
            vendor: "jimeng", name: "account 1", baseURL: "https://vendor.example/v1", region: "", slots: 1
        ) { row throws(KinoraError) in
            try vault.seal(Secret("AK:SK"), table: "account", row: row, column: "credential_sealed")
        }
        stage = try Stage(slots: [])
        let peer = peer
        stage.vendor.script { peer.answer($0) }
    }

    private func draw(_ n: Int, references: Int = 0) throws -> MediaTask {
        try stage.submit { submission in
            submission.kind = .image
            submission.model = "jimeng-3.0"
            submission.parameters = [GivenParameter(name: "n", value: JSON(n))]
            submission.references = (0..<references).map {
                Reference(.bytes(ScriptedVendor.picture("reference \($0)")), field: "image")
            }
        }
    }

    /// The numbers of the vendor's tasks whose pictures it has.
    private func made(_ task: MediaTask) throws -> [Int] {
        #expect(stage.events.end(of: task.id) != nil)
        return try stage.store.results(ofTask: task.row).map { result in
            let bytes = stage.folder.bytes("\(stage.folder.path)/media/\(result.media.relativePath)")
            return (1...9).first { ScriptedVendor.picture("https://cdn.example/\($0).png") == bytes } ?? 0
        }
    }

    @Test func exactlyAsManyAreMadeAsWereAskedForOneAfterTheOther() throws {
        _ = try stage.worker()
        let task = try draw(4)
        #expect(try made(task) == [1, 2, 3, 4])
        #expect(peer.submits == 4, "none was refused for another that was under way")
        #expect(try stage.attempts().count == 1)
        #expect(try stage.database.value("SELECT vendor_task_id FROM attempt") == "jimeng_t2i_v30*4/1,2,3,4")
    }

    @Test func oneIsOneSubmit() throws {
        _ = try stage.worker()
        #expect(try made(try draw(1)) == [1])
        #expect(peer.submits == 1)
        #expect(try stage.database.value("SELECT vendor_task_id FROM attempt") == "jimeng_t2i_v30/1")
    }

    @Test func referencesGoWithEachOfThem() throws {
        _ = try stage.worker()
        #expect(try made(try draw(2, references: 1)) == [1, 2])
        #expect(peer.references == [1, 1])
    }

    /// Nobody knows whether the vendor took it: it is not asked again, and what is made is delivered.
    @Test func aSubmitThatNobodyAnsweredIsNotRepeated() throws {
        let peer = peer
        stage.vendor.script { call in
            peer.answer(call, odd: { $0 == 2 ? .lost(mayHaveArrived: true) : nil })
        }
        _ = try stage.worker()
        #expect(try made(try draw(3)) == [1])
        #expect(peer.submits == 2)
    }

    /// So does a process that dies in between.
    @Test func aSubmitWhoseWorkerDiedIsNotRepeated() throws {
        let peer = peer
        stage.vendor.script { call in peer.answer(call, odd: { $0 == 2 ? .held : nil }) }
        let first = try stage.worker()
        let task = try draw(3)
        #expect(eventually { peer.submits == 2 })
        try stage.kill(first)
        _ = try stage.worker()
        #expect(try made(task) == [1])
        #expect(peer.submits == 2)
        stage.vendor.release()
    }

    @Test func anotherWorkerGoesOnWithTheRest() throws {
        let first = try stage.worker()
        let task = try draw(3, references: 1)
        #expect(eventually { peer.submits >= 2 })
        try stage.kill(first)
        _ = try stage.worker()
        #expect(try made(task) == [1, 2, 3])
        #expect(peer.references == [1, 1, 1])
        #expect(peer.prompts == Array(repeating: "a quiet harbour", count: 3))
    }

    @Test(arguments: [50430, 50429])
    func whatIsRefusedForAMomentIsAskedAgain(_ code: Int) throws {
        let peer = peer
        stage.vendor.script { call in
            peer.answer(call, odd: { $0 == 2 ? .json(429, ["code": JSON(code), "message": "busy"]) : nil })
        }
        _ = try stage.worker()
        #expect(try made(try draw(2)) == [1, 3])
    }

    @Test func whatIsRefusedForGoodLeavesWhatIsMade() throws {
        let peer = peer
        stage.vendor.script { call in
            peer.answer(call, odd: { $0 == 2 ? .json(400, ["code": 50412, "message": "no"]) : nil })
        }
        _ = try stage.worker()
        #expect(try made(try draw(3)) == [1])
        #expect(peer.submits == 2)
    }

    @Test func oneThatFailsLeavesWhatIsMade() throws {
        let peer = peer
        stage.vendor.script { call in
            peer.answer(call, oddPoll: { $0 == 2 ? ["code": 50511, "data": ["status": "done"]] : nil })
        }
        _ = try stage.worker()
        #expect(try made(try draw(3)) == [1])
        #expect(peer.submits == 2)
    }

    @Test func whatIsMadeByTheDeadlineIsDelivered() throws {
        let peer = peer
        let generating: JSON = ["code": 10_000, "data": ["status": "generating"]]
        stage.vendor.script { call in peer.answer(call, oddPoll: { $0 == 2 ? generating : nil }) }
        _ = try stage.worker()
        let task = try draw(3)
        #expect(eventually { peer.submits == 2 })
        try stage.database.sql("UPDATE task SET deadline_at = now() + interval '1 second'")
        #expect(try eventually { try stage.database.value("SELECT deadline_at < now() FROM task") == "t" })
        try stage.hurry(until: task.id)
        #expect(try made(task) == [1])
        #expect(peer.submits == 2)
    }

    @Test func cancelledInBetweenItAsksForNoMore() throws {
        let peer = peer
        let generating: JSON = ["code": 10_000, "data": ["status": "generating"]]
        let isCancelled = Guarded(false)
        stage.vendor.script { call in
            peer.answer(call, oddPoll: { $0 == 2 && !isCancelled.withLock { $0 } ? generating : nil })
        }
        _ = try stage.worker()
        let task = try draw(3)
        #expect(eventually { peer.submits == 2 })
        _ = try stage.perform(.cancel(TaskReference(task.id)))
        isCancelled.withLock { $0 = true }
        #expect(try eventually { try stage.database.count("attempt WHERE finished_at IS NULL") == 0 })
        #expect(peer.submits == 2)
    }
}
