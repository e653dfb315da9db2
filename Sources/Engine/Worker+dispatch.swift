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
        var outwaitAt = ContinuousClock.now
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
                    ended(try store.expire(limit: 1000))
                    if ContinuousClock.now >= outwaitAt {
                        // Where there are more, others have their turn in between.
                        outwaitAt = try expireOutwaited() ? .now : .now + .seconds(60)
                    }
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
                    wakeups.work.wait(for: .milliseconds(20))
                } else if isIdle {
                    try rest(for: try restTime())
                } else {
                    // Whoever submitted before the row said idle sent no wake-up: look once more.
                    try store.setIdle(true, worker: pulse.worker)
                    isIdle = true
                }
            } catch {
                events.emit(error.code == .databaseAway ? .databaseLost(error) : .fault("dispatch", error))
                tidyAt = .now
                wakeups.work.wait(for: options.pollInterval)
            }
        }
    }

    /// Compares what this worker holds with what the database says. Gives back what only one of them knows
    /// of: a claim whose reply was lost with its connection, a write that failed; a claim that was committed
    /// after others had declared this worker dead. Only this thread claims, so nothing is just on its way
    /// here. What was cancelled, or taken by another worker, is let go.
    private func compareHeld() throws(KinoraError) {
        let held = holdings.claims
        let known = try store.held(by: pulse.worker)
        let lost = held.filter { known[$0.key] != $0.value }
        let forgotten = known.filter { held[$0.key] != $0.value }
        if !lost.isEmpty || !forgotten.isEmpty {
            let count = try store.release(lost.map { ($0, $1) } + forgotten.map { ($0, $1) })
            if count > 0 { events.emit(.tasksTakenOver(count)) }
            holdings.drop(lost.keys)
        }
        // A key or an address may be a new one: whoever is held is polled with that.
        let accounts = holdings.accounts
        let now = ContinuousClock.now
        if !accounts.isEmpty { holdings.note(try store.accounts(Array(accounts)), readAt: now) }
    }

    /// Ends tasks that no account ever came for, some of each user. False: there are no more.
    private func expireOutwaited() throws(KinoraError) -> Bool {
        let seconds = cache.snapshot.queueTimeoutSeconds
        guard seconds > 0 else { return false }
        let tasks = try store.expire(waitedSeconds: seconds)
        ended(tasks)
        return !tasks.isEmpty
    }

    /// Tells of queued tasks that have expired.
    private func ended(_ tasks: [(row: Int64, id: TaskID)]) {
        for task in tasks {
            events.emit(
                .taskFinished(
                    task.id, state: .expired, seconds: 0, code: ErrorCode.taskDeadline.rawValue, on: nil))
            wakeups.noteChanges([task.row])
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
        guard callRoom > 0, pulse.isFresh, !isDraining.load(ordering: .sequentiallyConsistent) else {
            return (0, true)
        }
        // New ones first: somebody waits for their start.
        let new = try startNew(&served)
        let other = try takeOver()
        return (new.started + other.started, new.wasFull || other.wasFull)
    }

    /// Calls that may begin now, as far as one claim may use them.
    private var callRoom: Int { min(200, options.callsMax - calls.load(ordering: .relaxed)) }

    /// Calls that may begin now and are no submits.
    private var lookRoom: Int {
        let calls = calls.load(ordering: .relaxed)
        let looks = calls - submitsUnderWay.load(ordering: .relaxed)
        return min(options.callsMax - calls, options.callsMax - options.callsReserved - looks)
    }

    /// How many cancelled or deleted tasks may be seen to now. They come with every heartbeat, and a call
    /// that hangs lasts for many of those.
    var choreRoom: Int { min(50, lookRoom, options.callsShare - chores.load(ordering: .relaxed)) }

    /// A call begins that no task waits for. `settle` ends it.
    func beginChore() {
        calls.add(1, ordering: .relaxed)
        chores.add(1, ordering: .relaxed)
    }

    /// Claims queued tasks and submits them.
    private func startNew(
        _ served: inout [String: Int64]
    ) throws(KinoraError) -> (started: Int, wasFull: Bool) {
        // This look is one of those under way.
        let submits = submitsUnderWay.load(ordering: .relaxed) - 1
        let room = min(callRoom, options.callsMax - options.callsReserved - submits)
        guard room >= options.claimMin else { return (0, true) }
        let snapshot = cache.snapshot
        let claimed = try queue.claim(
            worker: pulse.worker, limit: room, imageTimeoutSeconds: snapshot.imageTimeoutSeconds,
            videoTimeoutSeconds: snapshot.videoTimeoutSeconds, served: served)
        wakeups.noteChanges(claimed.map(\.row))
        for task in claimed {
            served[task.model] = task.userID
            holdings.take(task)
            begin(task, TaskEvent.refused) { vendor, account throws(KinoraError) in
                try submit(task, vendor, account)
            }
        }
        return (claimed.count, claimed.count == room)
    }

    /// Goes on with tasks that nobody looks after.
    private func takeOver() throws(KinoraError) -> (started: Int, wasFull: Bool) {
        let room = min(callRoom, lookRoom)
        guard room > 0 else { return (0, true) }
        let due = try queue.claimDue(worker: pulse.worker, limit: room)
        for task in due {
            let harvest = holdings.take(task)
            if holdings.hasRoom(for: task) {
                look(after: task, harvest)
            } else {
                // Its turn comes when others of that vendor's have been answered.
                holdings.rest(task, harvest, until: .now)
                holdings.end(task)
            }
        }
        return (due.count, due.count == room)
    }

    /// Looks after tasks that rest here, each at its time.
    func lookAfterHeld() {
        while !isStopping.load(ordering: .acquiring) {
            let room = min(100, lookRoom)
            // Others may hold them by now; or they soon will.
            let isLeaving = isDraining.load(ordering: .relaxed)
            let mayLook = pulse.isFresh && !isLeaving
            guard room > 0, mayLook else {
                if isLeaving { storeHarvests() }
                _ = holdings.news.wait(for: .milliseconds(mayLook ? 20 : 500))
                continue
            }
            for task in holdings.slow(at: .now) {
                calls.add(1, ordering: .relaxed)
                inbox.put(.slow(task))
            }
            let due = holdings.due(at: .now, limit: room)
            for (task, harvest) in due { look(after: task, harvest) }
            if due.isEmpty {
                let soon = ContinuousClock.now + options.pollInterval
                _ = holdings.news.wait(until: min(holdings.nextLook ?? soon, soon))
            }
        }
    }

    /// Tries once more to store what rests here and nowhere else, without waiting for its time: a worker that
    /// leaves may have less of that.
    private func storeHarvests() {
        for (task, harvest) in holdings.harvests() { look(after: task, harvest) }
    }

    private func look(after task: ClaimedTask, _ harvest: Harvest?) {
        begin(task, with: harvest, TaskEvent.pollFailed) { vendor, account throws(KinoraError) in
            goOn(task, vendor, account, harvest)
        }
    }

    /// Rests until there is work. When a slot has become free, others soon will: one look is for them all.
    /// What is submitted meanwhile waits for none of them.
    private func rest(for longest: Duration) throws(KinoraError) {
        if !isSlotFree.load(ordering: .acquiring) { try queue.rest(for: longest, or: wakeups.work) }
        guard isSlotFree.load(ordering: .acquiring) else { return }
        try queue.rest(for: .milliseconds(20), or: wakeups.work)
        isSlotFree.store(false, ordering: .sequentiallyConsistent)
    }

    private func restTime() throws(KinoraError) -> Duration {
        guard let due = try queue.nextDue() else { return options.pollInterval }
        return max(.milliseconds(5), min(due, options.pollInterval))
    }

    /// Runs `body` with the vendor and account of a task that was taken. `failure` says what an error means:
    /// a new task never left, one that was due may be at its vendor though nobody heard so. `harvest` waits
    /// with it for its next look.
    private func begin(
        _ task: ClaimedTask, with harvest: Harvest? = nil, _ failure: (KinoraError) -> TaskEvent,
        _ body: (any Vendor, VendorAccount) throws(KinoraError) -> Void
    ) {
        defer { holdings.end(task) }
        let parties: (any Vendor, VendorAccount)
        do throws(KinoraError) { parties = (try vendor(of: task), try account(of: task)) } catch {
            // A key that only this process cannot open must not end the account for all the others.
            let fault: AccountFault? = error.code == .upstreamCredential ? .throttle : nil
            let action = machine(for: task, nil).action(on: failure(error))
            return perform(action, task, fault: fault, harvest: harvest)
        }
        do throws(KinoraError) { try body(parties.0, parties.1) } catch {
            perform(machine(for: task, nil).action(on: failure(error)), task, harvest: harvest)
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
            references: zip(task.references, files).map { stored, file in
                VendorReference(
                    path: file.path, type: stored.type, bytes: stored.bytes,
                    link: options.publicBase.map { $0 + vault.link(to: stored, at: clock.now) })
            },
            remixOf: task.remixOfVendorTask, token: "\(task.id)-\(task.attempt)",
            callbackURL: options.publicBase.map { base in
                "\(base)/callback/\(vault.callbackToken(of: task.id, attempt: task.attempt))"
            },
            startedAt: clock.now + (.zero - task.running), timeLeft: task.remaining,
            ticket: task.vendorTaskBefore)
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
        // Frozen or queued behind other calls past the lease of its claim, it must not leave any more: others
        // look by then.
        call.beginBefore = pulse.leaseEnd(of: task.worker) ?? .now
        if let members = call.mediaMembers {
            // It lasts as long as the task may, but not past the claim.
            call.timeoutSeconds = max(1, Int(min(task.remaining, Store.lease - .seconds(60)).inSeconds))
            let reply = ReplyFile(path: media.spool.newPath(), mediaMembers: members)
            send(
                call, task, .submit(files, made: reply), account,
                into: .file(path: reply.path, bytesMax: Limits.pictureReplyBytesMax))
        } else {
            send(call, task, .submit(files, made: nil), account)
        }
        events.emit(.taskSubmitted(task.id, vendor: vendor.name, on: task.attemptPoint))
    }

    /// A task that already runs: store what was made, poll it, or find out whether its submit arrived.
    private func goOn(
        _ task: ClaimedTask, _ vendor: any Vendor, _ account: VendorAccount, _ harvest: Harvest?
    ) {
        if let harvest {
            gather(task, harvest)
        } else if let ticket = task.vendorTask {
            send(vendor.poll(ticket, account), task, .poll(isSecond: false), account)
        } else if task.state == .storing {
            let loss = KinoraError(.submitUnknown, detail: "its result was lost with the worker that had it")
            perform(.fail(loss), task)
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
        if purpose.isLook { holdings.beginLook(task) }
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
