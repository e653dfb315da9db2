import Core

/// Tasks as their owners read them a moment ago: who plays a video asks for it piece by piece, and who
/// watches a task asks every few seconds whether it has changed. Whoever changes a task has it forgotten, in
/// this process at once and in all others by a notification; one that is lost costs a lifetime. A process
/// that hears none keeps nothing.
final class RecentTasks: Sendable {
    private struct Key: Hashable {
        let short: String
        let user: Int64
    }

    final class Entry: Sendable {
        let task: MediaTask
        /// Nil where nobody asked for them yet.
        let results: [TaskResult]?

        init(_ task: MediaTask, _ results: [TaskResult]?) {
            self.task = task
            self.results = results
        }
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        /// By the number of the row.
        var keys: [Int64: Key] = [:]
        /// When tasks changed, counted in changes: what was read before is not kept after.
        var changes: [Int64: Int] = [:]
        var changesNoted = 0
        let lifetime: Duration
        /// All are forgotten together: none lives longer than a lifetime.
        var forgetAt = ContinuousClock.now
        var clearings = 0
        /// Nobody is heard who tells of changes.
        var isDeaf = false

        mutating func clearWhenDue(_ now: ContinuousClock.Instant) {
            guard now >= forgetAt else { return }
            clear()
            forgetAt = now + lifetime
        }

        mutating func clear() {
            entries.removeAll(keepingCapacity: true)
            keys.removeAll(keepingCapacity: true)
            changes.removeAll(keepingCapacity: true)
            clearings += 1
        }
    }

    /// What had happened when a look-up began.
    struct Ticket: Equatable, Sendable {
        fileprivate let clearings: Int
        fileprivate let changesNoted: Int
    }

    /// As long as the time between two looks of a patient client.
    static let lifetime = Duration.seconds(10)
    /// Where nobody tells of deletions.
    static let lifetimeUnannounced = Duration.seconds(1)
    static let entriesMax = 8192
    /// A task with longer texts is not kept: the entries together stay within a few megabytes.
    static let promptBytesMax = 4096

    private let state: Guarded<State>

    init(lifetime: Duration = RecentTasks.lifetime) { state = Guarded(State(lifetime: lifetime)) }

    /// The task, where it is known; and the ticket for keeping what a look-up will find.
    func entry(
        _ reference: TaskReference, of user: Int64, now: ContinuousClock.Instant = .now
    ) -> (entry: Entry?, ticket: Ticket) {
        state.withLock { state in
            state.clearWhenDue(now)
            let entry = state.entries[Key(short: reference.short, user: user)]
            return (entry, Ticket(clearings: state.clearings, changesNoted: state.changesNoted))
        }
    }

    func keep(_ task: MediaTask, _ results: [TaskResult]?, of user: Int64, _ ticket: Ticket) {
        let revised = (results ?? []).reduce(0) { $0 + ($1.revisedPrompt?.utf8.count ?? 0) }
        let wishes = task.parameters.members.reduce(0) { $0 + ($1.value.stringValue?.utf8.count ?? 0) }
        guard task.prompt.utf8.count + revised + wishes <= Self.promptBytesMax else { return }
        let entry = Entry(task, results)
        let key = Key(short: task.id.short, user: user)
        state.withLock { state in
            guard !state.isDeaf, ticket.clearings == state.clearings,
                state.changes[task.row, default: 0] <= ticket.changesNoted
            else { return }
            if state.entries.count >= Self.entriesMax { state.clear() }
            state.entries[key] = entry
            state.keys[task.row] = key
        }
    }

    /// Somebody changed or deleted them.
    func forget(_ rows: [Int64]) {
        state.withLock { state in
            state.clearWhenDue(.now)
            state.changesNoted += 1
            for row in rows {
                state.changes[row] = state.changesNoted
                if let key = state.keys.removeValue(forKey: row) { state.entries[key] = nil }
            }
        }
    }

    /// It is not known what changed; from now on it is told.
    func clear() {
        state.withLock { state in
            state.clear()
            state.isDeaf = false
        }
    }

    /// From now on nobody tells what changes: nothing is kept, until `clear`.
    func deafen() {
        state.withLock { state in
            state.clear()
            state.isDeaf = true
        }
    }
}
