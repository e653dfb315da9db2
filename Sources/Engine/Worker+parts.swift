import Core
import Store
import Synchronization
import Upstream

/// Vendors that make one thing for each submit, and take one submit at a time: the next part of a task is
/// submitted when the one before is done. What the task is called while that is under way is written first:
/// who takes it over then asks for no more, since nobody knows whether the vendor took it. Whatever ends such
/// a task, what is made by then is delivered.
extension Worker {
    static func results(of tickets: [String]?) -> [VendorResult] {
        (tickets ?? []).map { VendorResult(.told(of: $0)) }
    }

    /// Goes on with a task after a look at it; where that would be its end, with what it has made before.
    func goOn(_ task: ClaimedTask, on event: TaskEvent, _ vendor: (any Vendor)?) {
        let action = machine(for: task, vendor).action(on: event)
        let done = Self.results(of: task.vendorTask.flatMap { vendor?.parts(of: $0)?.done })
        switch action {
        case .fail(let error) where !done.isEmpty, .requeue(_, let error) where !done.isEmpty,
            .elsewhere(let error) where !done.isEmpty:
            events.emit(.storeFailed(task.id, scrubbed(error, task), on: task.attemptPoint))
            deliver(task, done)
        default: perform(action, task)
        }
    }

    /// `results`: what is made so far. `ticket`: what the task is called meanwhile.
    func submitPart(
        _ task: ClaimedTask, after results: [VendorResult], as ticket: String, _ vendor: any Vendor,
        _ account: VendorAccount
    ) throws(KinoraError) {
        guard task.remaining > .zero, task.state == .running else { return deliver(task, results) }
        guard let input = try store.input(of: task) else {
            return events.emit(.leaseLost(task.id, on: task.attemptPoint))
        }
        submitsUnderWay.add(1, ordering: .sequentiallyConsistent)
        // Whoever takes it over goes on.
        guard !isDraining.load(ordering: .sequentiallyConsistent) else {
            endSubmit([])
            return wait(task, for: .seconds(1))
        }
        let isWritten = persist(task) { store throws(KinoraError) in
            try store.accepted(task, vendorTask: ticket)
        }
        guard isWritten else { return endSubmit([]) }
        let part = task.asking(as: ticket, with: input)
        guard part.references.isEmpty else { return open(part, after: []) }
        do throws(KinoraError) { try submit(part, [], vendor, account) } catch {
            endSubmit([])
            partRefused(part, error)
        }
    }

    func settlePart(
        _ completion: Completion, _ answer: Result<VendorAnswer, KinoraError>, _ vendor: any Vendor
    ) {
        let task = completion.task
        switch (completion.result, answer) {
        case (.failure(let failure), _):
            failure.mayHaveArrived ? partLost(task, failure.error) : partRefused(task, failure.error)
        case (.success(let reply), .failure(let error)):
            guard case .refused = Self.event(ofSubmit: reply.status, error) else {
                return partLost(task, error)
            }
            partRefused(task, error)
        case (.success, .success(.ticket(let ticket))):
            perform(machine(for: task, vendor).action(on: .accepted(vendorTask: ticket)), task)
        case (.success, .success(.refused(let error))): partRefused(task, Self.understood(error))
        case (.success, .success(.made)):
            partLost(task, KinoraError(.upstreamProtocol, detail: "a part came without a task"))
        }
    }

    /// The vendor does not have it, for certain: it is asked again where that may help.
    func partRefused(_ task: ClaimedTask, _ error: KinoraError) {
        // The longer it has lasted, the less often it is asked.
        let pause = max(Self.partPause, task.running / 10)
        let delay = max(error.retryAfterSeconds.map { .seconds($0) } ?? .zero, pause)
        // The account that made the first part makes the others: what it lacks itself it will not have soon.
        let mayHelp =
            error.code.facts.retry != .never && delay < task.remaining
            && ![.money, .credential].contains(error.code.accountFault)
        guard mayHelp, let before = task.vendorTaskBefore else { return partLost(task, error) }
        events.emit(.pollFailed(task.id, scrubbed(error, task), on: task.attemptPoint))
        let isWritten = persist(task) { store throws(KinoraError) in
            try store.accepted(task, vendorTask: before)
        }
        if isWritten { wait(task.accepted(as: before), for: delay) }
    }

    /// By what it is called now, the task is what was made so far.
    private func partLost(_ task: ClaimedTask, _ error: KinoraError) {
        events.emit(.pollFailed(task.id, scrubbed(error, task), on: task.attemptPoint))
        wait(task.accepted(as: task.vendorTask ?? ""), for: .zero)
    }

    private func wait(_ task: ClaimedTask, for delay: Duration) {
        perform(.wait(delay: delay, phase: .waiting, progress: nil), task)
    }

    private static let partPause = Duration.seconds(5)
}
