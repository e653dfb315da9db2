import Core
import Store
import Synchronization
import Upstream

extension Worker {
    /// Looks for work, starts it, and rests until something happens.
    func dispatch() {
        // What the worker row says; a fresh row says idle.
        var isIdle = true
        while !isStopping.load(ordering: .acquiring) {
            do throws(KinoraError) {
                let (started, wasFull) = try lookOnce()
                if wasFull, isIdle {
                    try store.setIdle(false, worker: pulse.worker)
                    isIdle = false
                }
                guard started == 0 else { continue }
                if !isIdle {
                    try store.setIdle(true, worker: pulse.worker)
                    isIdle = true
                    // Whoever submitted before the row said idle sent no wake-up: look once more.
                    continue
                }
                _ = wakeups.work.wait(for: wasFull ? .milliseconds(50) : try restTime())
            } catch {
                events.emit(error.code == .databaseAway ? .databaseLost(error) : .fault("dispatch", error))
                _ = wakeups.work.wait(for: options.pollInterval)
            }
        }
    }

    /// How many tasks were started, and whether there was more than could be taken.
    private func lookOnce() throws(KinoraError) -> (started: Int, wasFull: Bool) {
        let room = min(100, options.callsMax - calls.load(ordering: .relaxed))
        guard room > 0, pulse.isFresh, !isDraining.load(ordering: .acquiring) else { return (0, true) }
        let snapshot = cache.snapshot
        let claimed = try store.claim(
            worker: pulse.worker, limit: room, imageTimeoutSeconds: snapshot.imageTimeoutSeconds,
            videoTimeoutSeconds: snapshot.videoTimeoutSeconds)
        for task in claimed {
            begin(task) { vendor, account throws(KinoraError) in try submit(task, vendor, account) }
        }
        let due = try store.claimDue(worker: pulse.worker, limit: room)
        for task in due { begin(task) { vendor, account throws(KinoraError) in goOn(task, vendor, account) } }
        return (claimed.count + due.count, claimed.count == room || due.count == room)
    }

    private func restTime() throws(KinoraError) -> Duration {
        guard let due = try store.nextDue() else { return options.pollInterval }
        return max(.milliseconds(5), min(due, options.pollInterval))
    }

    /// Runs `body` with the task's vendor and account; what it throws ends the attempt.
    private func begin(
        _ task: ClaimedTask, _ body: (any Vendor, VendorAccount) throws(KinoraError) -> Void
    ) {
        do throws(KinoraError) {
            try body(try Vendors.named(task.account.vendor), try account(of: task))
        } catch {
            let event = task.vendorTask == nil ? TaskEvent.refused(error) : .pollFailed(error)
            perform(machine(for: task, nil).action(on: event), task)
        }
    }

    func account(of task: ClaimedTask) throws(KinoraError) -> VendorAccount {
        let account = task.account
        let credential: Secret
        do throws(KinoraError) {
            credential = try vault.open(
                account.sealedCredential, table: "account", row: account.row, column: "credential_sealed")
        } catch {
            // This process's key or the row is at fault, not the task: another try may have another account.
            throw KinoraError(.upstreamCredential, detail: error.message)
        }
        return VendorAccount(
            row: account.row, baseURL: account.baseURL, credential: credential, proxyURL: account.proxyURL)
    }

    func job(for task: ClaimedTask) -> VendorJob {
        VendorJob(
            model: task.vendorModel, category: task.category, prompt: task.prompt,
            parameters: task.parameters,
            references: task.references.map { VendorReference(path: media.path(of: $0), type: $0.type) },
            remixOf: task.remixOfVendorTask, token: "\(task.id)-\(task.attempt)",
            startedAt: clock.now + (.zero - task.running))
    }

    private func submit(
        _ task: ClaimedTask, _ vendor: any Vendor, _ account: VendorAccount
    ) throws(KinoraError) {
        let call = try vendor.submit(job(for: task), account)
        submitsUnderWay.add(1, ordering: .relaxed)
        send(call, task, .submit, account)
        events.emit(.taskSubmitted(task.id, vendor: vendor.name, account: account.row))
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
        calls.add(1, ordering: .relaxed)
        transport.send(call, to: account, into: sink) { [self] result in
            inbox.put(Completion(task: task, purpose: purpose, result: result))
        }
    }
}
