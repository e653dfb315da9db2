import Core
import Store
import Synchronization
import TestSupport
import Testing

@testable import Engine

@Suite(.freshDatabase) struct WakeupsTests {
    private func heard(_ stage: Stage) throws -> (Listener, Happening<String>) {
        let heard = Happening<String>()
        let listener = try Listener(stage.database.options, channels: [Listener.workChannel]) {
            heard.note($0.channel)
        }
        try listener.start()
        #expect(heard.wait { !$0.isEmpty })
        heard.forget()
        return (listener, heard)
    }

    /// The first by its own commit, the second by its own or shortly after.
    @Test func whoRestsElsewhereIsToldOfEachSubmit() throws {
        let stage = try Stage()
        _ = try stage.database.worker()
        let (listener, heard) = try heard(stage)
        defer { listener.stop() }
        for _ in 0..<2 {
            try stage.submit()
            #expect(heard.wait { $0.count == 1 })
            heard.forget()
        }
    }

    @Test func oneSubmitTellsAtATime() throws {
        let stage = try Stage()
        let wakeups = Wakeups(stage.store)
        wakeups.ownWorker.store(7, ordering: .relaxed)
        let moment = ContinuousClock.now
        #expect(wakeups.turnToTell(at: moment) == 7)
        #expect(wakeups.turnToTell(at: moment + .milliseconds(24)) == nil)
        #expect(wakeups.turnToTell(at: moment + .milliseconds(25)) == 7)
        #expect(wakeups.turnToTell(at: moment + .milliseconds(25)) == nil)
        #expect(Wakeups(stage.store, isNotifying: false).turnToTell() == nil)
    }

    /// Who rests since the submit looked for such, say.
    @Test func whatASubmitToldNobodyIsToldBehindIt() throws {
        let stage = try Stage()
        let worker = try stage.database.worker()
        try stage.store.setIdle(false, worker: worker)
        let (listener, heard) = try heard(stage)
        defer { listener.stop() }
        #expect(try stage.store.submit(.sample(stage.caller), tellingAllBut: 0)?.isTold == false)
        try stage.store.setIdle(true, worker: worker)
        stage.wakeups.noteWork(isTold: false)
        #expect(heard.wait { $0.count == 1 })
    }
}
