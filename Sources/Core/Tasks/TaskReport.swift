/// A task, and where its owner gets what it has made.
public struct TaskReport: Sendable {
    public let task: MediaTask
    /// Signed links of the same origin, as path and query; empty unless it has succeeded.
    public let links: [String]

    public init(_ task: MediaTask, links: [String]) {
        self.task = task
        self.links = links
    }
}

/// A part of a caller's newest tasks.
public struct ReportPage: Sendable {
    public let kind: MediaKind
    public let limit: Int
    public let skipped: Int
    /// Nil: whatever their state.
    public let stages: Stages?

    /// How far tasks are.
    public struct Stages: Sendable, Equatable {
        public let states: [TaskState]
        /// Of those that run; the others have none.
        public let phases: [TaskPhase]

        public init(states: [TaskState], phases: [TaskPhase] = TaskPhase.allCases) {
            self.states = states
            self.phases = phases
        }
    }

    public init(kind: MediaKind, limit: Int, skipped: Int = 0, stages: Stages? = nil) {
        self.kind = kind
        self.limit = limit
        self.skipped = skipped
        self.stages = stages
    }
}

/// What makes the models of one family, and what became of the caller's tasks with them.
public struct FamilyStats: Sendable, Equatable {
    public let accounts: Int
    public let activeAccounts: Int
    /// Of active accounts.
    public let slots: Int
    public let usedSlots: Int
    /// The caller's tasks.
    public let waiting: Int
    public let running: Int
    public let succeeded: Int
    public let failed: Int
    /// How long a task usually takes.
    public let averageSeconds: Int

    public init(
        accounts: Int, activeAccounts: Int, slots: Int, usedSlots: Int, waiting: Int, running: Int,
        succeeded: Int, failed: Int, averageSeconds: Int
    ) {
        self.accounts = accounts
        self.activeAccounts = activeAccounts
        self.slots = slots
        self.usedSlots = usedSlots
        self.waiting = waiting
        self.running = running
        self.succeeded = succeeded
        self.failed = failed
        self.averageSeconds = averageSeconds
    }
}
