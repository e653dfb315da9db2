import ArgumentParser
import Core
import Store

/// Limits of a key or a user.
struct LimitOptions: ParsableArguments {
    @Option(help: "Submits in any 60 seconds; 0: no limit.") var requestsPerMinute: Int?
    @Option(help: "Unfinished tasks at once; 0: no limit.") var concurrentTasks: Int?

    func validate() throws {
        for (name, value) in [
            ("--requests-per-minute", requestsPerMinute), ("--concurrent-tasks", concurrentTasks),
        ] {
            guard (0...1_000_000).contains(value ?? 0) else {
                throw ValidationError("\(name) must be from 0 to 1000000.")
            }
        }
    }

    var isEmpty: Bool { requestsPerMinute == nil && concurrentTasks == nil }

    var change: LimitChange {
        LimitChange(requestsPerMinute: requestsPerMinute, concurrentTasksMax: concurrentTasks)
    }
}

/// What a key may spend.
struct QuotaCap: ParsableArguments {
    @Option(help: "Units it may spend of its user's quota, all its life; 0: no cap.") var quota: Amount?

    func validate() throws {
        guard quota.map({ $0 <= Amount.transferMax }) ?? true else {
            throw ValidationError("--quota must be at most \(Amount.transferMax).")
        }
    }
}
