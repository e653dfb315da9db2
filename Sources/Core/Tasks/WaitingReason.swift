/// Why a queued task is not started yet, as its queue sees it at this moment.
public struct WaitingReason: Sendable, Equatable {
    /// The codes of the SQL function `waiting_reason` and of docs/operations.md; a test compares them.
    public enum Code: String, Sendable, CaseIterable {
        /// An account is free: only tasks that come before it are waited for.
        case turn
        case noWorker = "no_worker"
        /// Off-peak, and outside of the window in which such tasks are started.
        case window
        /// Put off after a fault, until its next try.
        case later
        /// From here on no account is free, and this is what the first of them to be free waits for.
        case slots, proof, rest, credit, disabled
        case noAccount = "no_account"
    }

    /// How many accounts could run it, and how many of them are kept from it by what.
    public struct Accounts: Sendable, Equatable {
        public let count: Int
        public let atSlotLimit: Int
        public let proving: Int
        public let resting: Int
        public let poor: Int
        public let closed: Int

        public init(count: Int, atSlotLimit: Int, proving: Int, resting: Int, poor: Int, closed: Int) {
            self.count = count
            self.atSlotLimit = atSlotLimit
            self.proving = proving
            self.resting = resting
            self.poor = poor
            self.closed = closed
        }
    }

    public let code: Code
    public let model: String
    /// Whether one account alone may run it.
    public let isPinned: Bool
    /// When the reason ends; nil: nobody knows.
    public let until: Timestamp?
    public let accounts: Accounts

    public init(code: Code, model: String, isPinned: Bool, until: Timestamp?, accounts: Accounts) {
        self.code = code
        self.model = model
        self.isPinned = isPinned
        self.until = until
        self.accounts = accounts
    }

    /// One line for people.
    public var words: String {
        switch code {
        case .turn: "an account is free, and its turn comes"
        case .noWorker: "an account is free, but no worker runs"
        case .window:
            "it is an off-peak task, and their window opens\(until.map { " at \($0.iso8601)" } ?? "")"
        case .later: "it was put off after a fault\(end)"
        case .noAccount where isPinned: "the account it must run on has no route of \(model)"
        case .noAccount: "there is no account for \(model)"
        case .slots, .proof, .rest, .credit, .disabled: accountWords
        }
    }

    private var end: String { until.map { ", until \($0.iso8601)" } ?? "" }

    private struct Obstacle {
        let count: Int
        /// What one account does that has it, and what several do.
        let one: String
        let many: String
    }

    private var obstacles: [Obstacle] {
        [
            Obstacle(
                count: accounts.atSlotLimit, one: "is at its slot limit", many: "are at their slot limit"),
            Obstacle(
                count: accounts.proving, one: "is back from a rest and tries one task first",
                many: "are back from a rest and try one task each first"),
            Obstacle(count: accounts.resting, one: "rests\(end)", many: "rest\(end)"),
            Obstacle(
                count: accounts.poor, one: "has too little credit for it",
                many: "have too little credit for it"),
            Obstacle(
                count: accounts.closed, one: "is disabled or its key was refused",
                many: "are disabled or their keys were refused"),
        ].filter { $0.count > 0 }
    }

    private var accountWords: String {
        guard let first = obstacles.first else { return "no account is free" }
        if isPinned { return "the account it must run on \(first.one)" }
        if accounts.count == 1 { return "the only account of \(model) \(first.one)" }
        if obstacles.count == 1 { return "all \(accounts.count) accounts of \(model) \(first.many)" }
        let parts = obstacles.map { "\($0.count) \($0.count == 1 ? $0.one : $0.many)" }
        return "no account of \(model) is free: \(parts.joined(separator: ", "))"
    }
}
