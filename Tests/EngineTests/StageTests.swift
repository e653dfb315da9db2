import Core
import Store
import TestSupport
import Testing

@testable import Engine

/// What every process does at its end.
@Suite(.freshDatabase) struct StageTests {
    @Test func whatIsStoppedKeepsNeitherThreadNorSession() throws {
        weak var store: Store?
        weak var queue: Store?
        do {
            let stage = try Stage(slots: [1])
            let worker = try stage.worker()
            store = stage.store
            queue = worker.queue
            #expect(store != nil && queue != nil)
        }
        // The last thread that was waited for lets go of them a moment later.
        #expect(eventually { store == nil && queue == nil })
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kinora'"
        let own = " AND datname = '\(TestDatabase.current.name)'"
        let isEmpty = try eventually { try TestDatabase.current.value(sessions + own) == "0" }
        #expect(isEmpty)
    }
}
