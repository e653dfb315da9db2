import Core
import Foundation
import Synchronization
import TestSupport

/// Every event of a stage, in order: what tests wait for instead of sleeping.
final class EventLog: EventSink {
    private let happened = Happening<Event>()

    func emit(_ event: Event) { happened.note(event) }

    var all: [Event] { happened.all }

    func count(_ match: (Event) -> Bool) -> Int { all.count(where: match) }

    /// True as soon as so many events match; false when they did not in time.
    func has(_ times: Int = 1, within limit: Duration = patience, _ match: (Event) -> Bool) -> Bool {
        happened.wait(within: limit) { $0.count(where: match) >= times }
    }

    /// How a task ended; nil when it did not in time.
    func end(of id: TaskID, within limit: Duration = patience) -> (state: TaskState, code: String?)? {
        var end: (TaskState, String?)?
        _ = has(within: limit) { event in
            guard case .taskFinished(id, let state, _, let code, _) = event else { return false }
            end = (state, code)
            return true
        }
        return end
    }
}

/// A clock that starts with the machine's and moves only when told.
final class ManualClock: WallClock {
    private let time = Mutex(Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)))
    var now: Timestamp { time.withLock { $0 } }
    func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}
