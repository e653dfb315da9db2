import Core
import Store
import Synchronization
import Upstream

extension Worker {
    /// The one place where the decisions of TaskMachine are carried out. `fault` is what an error says about
    /// the account where its code does not tell, `harvest` what waits with the task for its next look.
    func perform(
        _ action: TaskAction, _ task: ClaimedTask, fault: AccountFault? = nil, harvest: Harvest? = nil
    ) {
        do throws(KinoraError) { try write(action, task, fault: fault, harvest: harvest) } catch {
            // The vendor's task was taken for another one with the same prompt; that one's own is still to be
            // found, and serves as well.
            if error.code == .alreadyExists, case .accept = action {
                return perform(.wait(delay: .seconds(2), phase: .submitting, progress: nil), task)
            }
            if error.isLocked { return restLocked(task, error, harvest) }
            events.emit(.fault("task \(task.id)", error))
        }
    }

    /// Much longer than the database waits for a lock: those whose rows are locked hold few threads.
    private static let lockPause = Duration.seconds(30)

    /// How often what is to be written of a task may meet a lock. What a poll has told the next one tells
    /// again, and a thread that waits is one less for all the others; a submit's answer comes once.
    func lockTries(_ task: ClaimedTask) -> Int {
        task.vendorTask != nil && task.vendorTaskBefore == nil ? 1 : .max
    }

    /// Nobody waits for whoever keeps its row: what was to be written the next look brings again.
    func restLocked(_ task: ClaimedTask, _ error: KinoraError, _ harvest: Harvest? = nil) {
        events.emit(.databaseLost(error))
        holdings.rest(task, harvest, until: .now + Self.lockPause)
    }

    /// Throws `alreadyExists` when the vendor's task belongs to another attempt, and `databaseAway` with
    /// `isLocked` when somebody keeps its row and the answer can be had again.
    func write(
        _ action: TaskAction, _ task: ClaimedTask, fault: AccountFault? = nil, harvest: Harvest? = nil
    ) throws(KinoraError) {
        let tries = lockTries(task)
        switch action {
        case .accept(let vendorTask, let delay):
            let isWritten = try persistThrowing(task) { store throws(KinoraError) in
                try store.accepted(task, vendorTask: vendorTask)
            }
            guard isWritten else { return try noteLost(action, task) }
            holdings.rest(task.accepted(as: vendorTask), until: .now + delay)
        case .wait(let delay, let phase, let progress):
            try rest(task.resting(in: phase, progress), harvest, for: delay, before: task)
        case .lookUp:
            let account = try account(of: task)
            if let call = try vendor(of: task).lookUp(task.kind) {
                send(call(job(for: task), account), task, .lookUp(page: 1), account)
            }
        case .requeue(let delay, let error):
            let error = scrubbed(error, task), blame = blame(for: error, fault)
            let isWritten = try persistThrowing(task, lockTries: tries) { store throws(KinoraError) in
                try store.requeue(task, delay: delay, error, blame: blame) { fell(task.account, $0, error) }
            }
            if isWritten {
                events.emit(
                    .taskRequeued(task.id, delaySeconds: delay.inSeconds, error, on: task.attemptPoint))
                wakeups.work.raise()
            } else {
                try noteLost(action, task)
            }
        case .elsewhere(let error):
            let isLeft = try untilAnswered { store throws(KinoraError) in try store.hasOther(than: task) }
            try write(isLeft ? .requeue(delay: .zero, error) : .fail(error), task, fault: fault)
        case .fail(let error):
            let error = scrubbed(error, task), blame = blame(for: error, fault)
            let isWritten = try persistThrowing(task, lockTries: tries) { store throws(KinoraError) in
                try store.failed(task, error, blame: blame) { fell(task.account, $0, error) }
            }
            if isWritten {
                finished(task, error.code == .taskDeadline ? .expired : .failed, error)
            } else {
                try noteLost(action, task)
            }
        }
    }

    /// Lets a task rest until its next look. What its owner sees is written where it has changed, and the
    /// lease renewed when half of it is over; a vendor that has nothing new to say costs no statement. None
    /// of that is worth a wait for a lock.
    private func rest(
        _ task: ClaimedTask, _ harvest: Harvest?, for delay: Duration, before: ClaimedTask
    ) throws(KinoraError) {
        var task = task
        let isLeaseLong = task.leaseEnd > .now + delay + Store.lease / 2
        if !isLeaseLong || (task.phase, task.progress) != (before.phase, before.progress) {
            if !isLeaseLong { task.renewLease() }
            let isWritten = try persistThrowing(task, lockTries: 1) { store throws(KinoraError) in
                try store.rests(task, isRenewed: !isLeaseLong)
            }
            guard isWritten else { return }
        }
        holdings.rest(task, harvest, until: .now + delay)
    }

    private func fell(_ account: ClaimedAccount, _ fall: AccountFall, _ error: KinoraError) {
        events.emit(.accountFell(account: account.row, fall, error))
    }

    private func blame(for error: KinoraError, _ fault: AccountFault?) -> Blame? {
        let errorsMax = cache.snapshot.errorsMax
        return fault.map { Blame($0, errorsMax: errorsMax) } ?? Blame(error, errorsMax: errorsMax)
    }

    func finished(_ task: ClaimedTask, _ state: TaskState, _ error: KinoraError?) {
        events.emit(
            .taskFinished(
                task.id, state: state, seconds: task.running.inSeconds, code: error?.code.rawValue,
                on: task.attemptPoint))
        onFinished(task.row)
        noteFreeSlot()
    }

    /// Somebody may wait for a slot. Slots become free one by one, and a look into the queue costs about as
    /// much for one as for many: see `rest(for:)`.
    func noteFreeSlot() {
        if !isSlotFree.exchange(true, ordering: .acquiringAndReleasing) { wakeups.work.raise() }
    }

    /// A vendor's words may quote the key they refuse; what is kept and logged must not.
    func scrubbed(_ error: KinoraError, _ task: ClaimedTask) -> KinoraError { scrubbed(error, task.account) }

    func scrubbed(_ error: KinoraError, _ account: ClaimedAccount) -> KinoraError {
        guard let credential = try? vault.opened(account).credential, !credential.isEmpty else {
            return error
        }
        return error.replacing(credential)
    }

    /// Writes until the database takes it: what a vendor answered must not be lost because a connection was.
    /// False when the claim was lost, when it has met a lock `lockTries` times, or when the process stops:
    /// then another worker goes on from what is written.
    @discardableResult
    func persist(
        _ task: ClaimedTask, lockTries: Int = .max, _ write: (Store) throws(KinoraError) -> Bool
    ) -> Bool {
        do throws(KinoraError) { return try persistThrowing(task, lockTries: lockTries, write) } catch {
            events.emit(error.isLocked ? .databaseLost(error) : .fault("task \(task.id)", error))
            return false
        }
    }

    /// As `persist`, but throws what is no matter of the connection, and the error of a lock that it has met
    /// `lockTries` times.
    @discardableResult
    func persistThrowing(
        _ task: ClaimedTask, lockTries: Int = .max, _ write: (Store) throws(KinoraError) -> Bool
    ) throws(KinoraError) -> Bool {
        guard try untilAnswered(lockTries: lockTries, write) else {
            events.emit(.leaseLost(task.id, on: task.attemptPoint))
            return false
        }
        wakeups.noteChanges([task.row])
        return true
    }

    private func untilAnswered<Value>(
        lockTries: Int = .max, _ ask: (Store) throws(KinoraError) -> Value
    ) throws(KinoraError) -> Value {
        let pause = Signal()
        var delay = Duration.milliseconds(50)
        var locks = 0
        while true {
            do throws(KinoraError) { return try ask(store) } catch {
                if error.isLocked { locks += 1 }
                let mayAskAgain = error.code == .databaseAway && locks < lockTries
                guard mayAskAgain, !isStopping.load(ordering: .acquiring) else { throw error }
                events.emit(.databaseLost(error))
                _ = pause.wait(for: delay)
                delay = min(delay * 2, .seconds(2))
            }
        }
    }
}
