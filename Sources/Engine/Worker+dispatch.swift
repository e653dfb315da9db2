import Core
import Store
import Synchronization
import Upstream

extension Worker {
    /// Looks for work, starts it, and rests until something happens.
    func dispatch() {
        // What the worker row says; a fresh row says idle.
        var isIdle = true
        var tidyAt = ContinuousClock.now
        // The user of each model's task that was claimed last: others are next. Who forgets it, as a new
        // process does, begins the circle elsewhere.
        var served: [String: Int64] = [:]
        while !isStopping.load(ordering: .acquiring) {
            do throws(KinoraError) {
                if ContinuousClock.now >= tidyAt {
                    try compareHeld()
                    try endCancelled()
                    try removeDeleted()
                    try removeUnused()
                    try expireQueued()
                    tidyAt = .now + .seconds(Limits.heartbeatSeconds)
                }
                let (started, wasFull) = try lookOnce(&served)
                if wasFull, isIdle {
                    try store.setIdle(false, worker: pulse.worker)
                    isIdle = false
                }
                guard started == 0 else { continue }
                if wasFull {
                    // Not idle: there may be work that may not be taken. Looking again costs no statement.
                    _ = wakeups.work.wait(for: .milliseconds(20))
                } else if isIdle {
                    _ = wakeups.work.wait(for: try restTime())
                } else {
                    // Whoever submitted before the row said idle sent no wake-up: look once more.
                    try store.setIdle(true, worker: pulse.worker)
                    isIdle = true
                }
            } catch {
                events.emit(error.code == .databaseAway ? .databaseLost(error) : .fault("dispatch", error))
                tidyAt = .now
                _ = wakeups.work.wait(for: options.pollInterval)
            }
        }
    }

    /// Compares what this worker holds with what the database says. Gives back what only the database knows
    /// of: a claim whose reply was lost with its connection, a write that failed. Only this thread claims, so
    /// nothing is just on its way here. Lets go what was cancelled, or taken by another worker.
    private func compareHeld() throws(KinoraError) {
        let held = holdings.claims
        let known = try store.held(by: pulse.worker)
        holdings.drop(held.filter { known[$0.key] != $0.value }.keys)
        let forgotten = known.filter { held[$0.key] != $0.value }.map(\.key)
        guard !forgotten.isEmpty else { return }
        let count = try store.release(forgotten, heldBy: pulse.worker)
        if count > 0 { events.emit(.tasksTakenOver(count)) }
    }

    /// Ends tasks that no account came back for in time.
    private func expireQueued() throws(KinoraError) {
        for task in try store.expire(limit: 1000) {
            events.emit(
                .taskFinished(
                    task.id, state: .expired, seconds: 0, code: ErrorCode.taskDeadline.rawValue, on: nil))
            onFinished(task.row)
        }
    }

    /// How many tasks were started, and whether there was more than could be taken.
    private func lookOnce(
        _ served: inout [String: Int64]
    ) throws(KinoraError) -> (started: Int, wasFull: Bool) {
        // A look counts as a submit under way, from before it asks whether there is a drain: what it claims
        // is on its way to a vendor before a drain can see the count fall.
        submitsUnderWay.add(1, ordering: .sequentiallyConsistent)
        defer { submitsUnderWay.subtract(1, ordering: .releasing) }
        // A claim costs about as much for one task as for many: it waits until there is room for some.
        let room = min(100, options.callsMax - calls.load(ordering: .relaxed))
        guard room > 0, room >= options.callsForNew, pulse.isFresh,
            !isDraining.load(ordering: .sequentiallyConsistent)
        else { return (0, true) }
        let snapshot = cache.snapshot
        let claimed = try store.claim(
            worker: pulse.worker, limit: room, imageTimeoutSeconds: snapshot.imageTimeoutSeconds,
            videoTimeoutSeconds: snapshot.videoTimeoutSeconds, served: served)
        for task in claimed {
            served[task.model] = task.userID
            holdings.take(task)
            begin(task, TaskEvent.refused) { vendor, account throws(KinoraError) in
                try submit(task, vendor, account)
            }
        }
        let due = try store.claimDue(worker: pulse.worker, limit: room)
        for task in due {
            holdings.take(task)
            look(after: task)
        }
        return (claimed.count + due.count, claimed.count == room || due.count == room)
    }

    /// Looks after tasks that rest here, each at its time.
    func lookAfterHeld() {
        var version = cache.snapshot.version
        while !isStopping.load(ordering: .acquiring) {
            let callsMax = options.callsMax - options.callsForNew
            let room = min(100, callsMax - calls.load(ordering: .relaxed))
            // Others may hold them by now; or they soon will.
            let mayLook = pulse.isFresh && !isDraining.load(ordering: .relaxed)
            guard room > 0, mayLook else {
                _ = holdings.news.wait(for: .milliseconds(mayLook ? 20 : 500))
                continue
            }
            if cache.snapshot.version != version {
                version = cache.snapshot.version
                noteAccounts()
            }
            let due = holdings.due(at: .now, limit: room)
            for task in due { look(after: task) }
            if due.isEmpty {
                let soon = ContinuousClock.now + options.pollInterval
                _ = holdings.news.wait(until: min(holdings.nextLook ?? soon, soon))
            }
        }
    }

    /// A key or an address may be a new one: whoever rests is polled with that.
    private func noteAccounts() {
        do throws(KinoraError) { holdings.note(try store.accounts(Array(holdings.accounts))) } catch {
            events.emit(error.code == .databaseAway ? .databaseLost(error) : .fault("accounts", error))
        }
    }

    private func look(after task: ClaimedTask) {
        begin(task, TaskEvent.pollFailed) { vendor, account throws(KinoraError) in
            goOn(task, vendor, account)
        }
    }

    private func restTime() throws(KinoraError) -> Duration {
        guard let due = try store.nextDue() else { return options.pollInterval }
        return max(.milliseconds(5), min(due, options.pollInterval))
    }

    /// Runs `body` with the vendor and account of a task that was taken. `failure` says what an error means:
    /// a new task never left, one that was due may be at its vendor though nobody heard so.
    private func begin(
        _ task: ClaimedTask, _ failure: (KinoraError) -> TaskEvent,
        _ body: (any Vendor, VendorAccount) throws(KinoraError) -> Void
    ) {
        defer { holdings.end(task) }
        let parties: (any Vendor, VendorAccount)
        do throws(KinoraError) { parties = (try vendor(of: task), try account(of: task)) } catch {
            // A key that only this process cannot open must not end the account for all the others.
            let fault: AccountFault? = error.code == .upstreamCredential ? .throttle : nil
            return perform(machine(for: task, nil).action(on: failure(error)), task, fault: fault)
        }
        do throws(KinoraError) { try body(parties.0, parties.1) } catch {
            perform(machine(for: task, nil).action(on: failure(error)), task)
        }
    }

    func vendor(of task: ClaimedTask) throws(KinoraError) -> any Vendor { try vendor(of: task.account) }

    func vendor(of account: ClaimedAccount) throws(KinoraError) -> any Vendor {
        do throws(KinoraError) { return try Vendors.named(account.vendor) } catch {
            // This process is older than the account; another one may know the vendor.
            throw KinoraError(.internalFault, detail: error.message)
        }
    }

    func account(of task: ClaimedTask) throws(KinoraError) -> VendorAccount { try vault.opened(task.account) }

    /// `files` are the references, where they are at hand.
    func job(for task: ClaimedTask, _ files: [MediaFile] = []) -> VendorJob {
        VendorJob(
            model: task.vendorModel, category: task.category, prompt: task.prompt,
            parameters: task.parameters,
            references: zip(task.references, files).map { VendorReference(path: $1.path, type: $0.type) },
            remixOf: task.remixOfVendorTask, token: "\(task.id)-\(task.attempt)",
            callbackURL: options.callbackBase.map { base in
                "\(base)/callback/\(vault.callbackToken(of: task.id, attempt: task.attempt))"
            },
            startedAt: clock.now + (.zero - task.running))
    }

    private func submit(
        _ task: ClaimedTask, _ vendor: any Vendor, _ account: VendorAccount
    ) throws(KinoraError) {
        // It waited in the queue until its time was over: what would be paid for is wanted no more.
        guard task.remaining > .zero else { throw KinoraError(.taskDeadline) }
        submitsUnderWay.add(1, ordering: .relaxed)
        guard task.references.isEmpty else { return open(task, after: []) }
        do throws(KinoraError) { try submit(task, [], vendor, account) } catch {
            endSubmit([])
            throw error
        }
    }

    func submit(
        _ task: ClaimedTask, _ files: [MediaFile], _ vendor: any Vendor, _ account: VendorAccount
    ) throws(KinoraError) {
        var call = try vendor.submit(job(for: task, files), account)
        // Frozen or queued behind other calls past its lease, it must not leave any more: others look by
        // then.
        call.beginBefore = pulse.leaseEnd
        send(call, task, .submit(files), account)
        events.emit(.taskSubmitted(task.id, vendor: vendor.name, on: task.attemptPoint))
    }

    /// A task that already runs: poll it, or find out whether its submit arrived.
    private func goOn(_ task: ClaimedTask, _ vendor: any Vendor, _ account: VendorAccount) {
        if let ticket = task.vendorTask {
            send(vendor.poll(ticket, account), task, .poll, account)
        } else {
            let silence = KinoraError(.upstreamUnreachable, detail: "the worker that submitted it is gone")
            perform(machine(for: task, vendor).action(on: .submitUnanswered(silence)), task)
        }
    }

    func send(
        _ call: HTTPCall, _ task: ClaimedTask, _ purpose: Purpose, _ account: VendorAccount,
        into sink: ReplySink = .memory(bytesMax: Limits.vendorReplyBytesMax)
    ) {
        hold(task)
        transport.send(call, to: account, into: sink) { [self] result in
            inbox.put(.task(Completion(task: task, purpose: purpose, result: result)))
        }
    }

    /// A call for the task begins. `settle` ends it.
    func hold(_ task: ClaimedTask) {
        calls.add(1, ordering: .relaxed)
        holdings.begin(task)
    }
}
