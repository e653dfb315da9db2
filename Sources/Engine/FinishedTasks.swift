import Core

/// Tasks that have ended, as their owners read them within the last second: who plays a video asks for it
/// piece by piece, and who watches a task asks more often than it changes. A finished task changes no more;
/// it can only be deleted. Whoever deletes one clears the memory of every process by a notification; one that
/// is lost costs the second.
final class FinishedTasks: Sendable {
    private struct Key: Hashable {
        let short: String
        let user: Int64
    }

    final class Entry: Sendable {
        let task: MediaTask
        /// The first result; nil where nobody asked for it yet.
        let media: StoredMedia?

        init(_ task: MediaTask, _ media: StoredMedia?) {
            self.task = task
            self.media = media
        }
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        /// All are forgotten together: none lives longer than a lifetime.
        var forgetAt = ContinuousClock.now
        var clearings = 0
    }

    /// How often it was cleared when a look-up began: what was read before a deletion is not kept after it.
    struct Ticket: Equatable, Sendable {
        fileprivate let clearings: Int
    }

    static let lifetime = Duration.seconds(1)
    static let entriesMax = 4096
    /// A task with a longer prompt is not kept: the entries together stay within a few megabytes.
    static let promptBytesMax = 4096

    private let state = Guarded(State())

    /// A task that ended, or else the ticket for keeping what the look-up will find.
    func entry(
        _ reference: TaskReference, of user: Int64, now: ContinuousClock.Instant = .now
    ) -> (entry: Entry?, ticket: Ticket) {
        state.withLock { state in
            if now >= state.forgetAt {
                state.entries.removeAll(keepingCapacity: true)
                state.forgetAt = now + Self.lifetime
            }
            let entry = state.entries[Key(short: reference.short, user: user)]
            return (entry, Ticket(clearings: state.clearings))
        }
    }

    /// Keeps a task that has ended; others are let go.
    func keep(_ task: MediaTask, _ media: StoredMedia?, of user: Int64, _ ticket: Ticket) {
        guard task.state.isFinal, task.prompt.utf8.count <= Self.promptBytesMax else { return }
        let entry = Entry(task, media)
        state.withLock { state in
            guard ticket.clearings == state.clearings else { return }
            if state.entries.count >= Self.entriesMax { state.entries.removeAll(keepingCapacity: true) }
            state.entries[Key(short: task.id.short, user: user)] = entry
        }
    }

    /// Somebody deleted a task.
    func clear() {
        state.withLock { state in
            state.entries.removeAll(keepingCapacity: true)
            state.clearings += 1
        }
    }
}
