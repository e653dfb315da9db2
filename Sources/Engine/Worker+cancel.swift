import Core
import Store
import Synchronization
import Upstream

/// Sees to it that vendors end what was cancelled here. The table `cancellation` remembers it until they
/// have; until then the attempt keeps its slot, since the vendor counts it too.
extension Worker {
    /// Until a submit has surely ended, its answer may still bring the vendor's id.
    private static let answerPause = Duration.seconds(5)
    private static let retryPause = Duration.seconds(15)

    func endCancelled() throws(KinoraError) {
        let room = choreRoom
        guard room > 0, !isDraining.load(ordering: .relaxed) else { return }
        for cancellation in try store.claimCancellations(limit: room) {
            do throws(KinoraError) { try goOn(cancellation) } catch {
                if error.code == .databaseAway { throw error }
                try failed(cancellation, error)
            }
        }
    }

    private func goOn(_ cancellation: Cancellation) throws(KinoraError) {
        let task = cancellation.task
        guard task.remaining > .zero else {
            events.emit(
                .cancellationFailed(
                    task.id, KinoraError(.taskDeadline, detail: "its vendor has not ended it in time"),
                    on: task.attemptPoint))
            return try end(task, .unknown)
        }
        let vendor = try vendor(of: task)
        let account = try account(of: task)
        guard let ticket = task.vendorTask else {
            guard task.running >= TaskMachine.arrivalMax, let lookUp = vendor.lookUp(task.kind) else {
                return try wait(cancellation, Self.answerPause)
            }
            return send(lookUp(job(for: task), account), cancellation, .lookUp(page: 1), account)
        }
        if !cancellation.isAsked, let call = vendor.cancel(ticket, account) {
            send(call, cancellation, .cancel, account)
        } else {
            send(vendor.poll(ticket, account), cancellation, .poll, account)
        }
    }

    private func send(
        _ call: HTTPCall, _ cancellation: Cancellation, _ purpose: CancelPurpose, _ account: VendorAccount
    ) {
        beginChore()
        transport.send(call, to: account, into: .memory(bytesMax: Limits.vendorReplyBytesMax)) {
            [self] in inbox.put(.cancellation(cancellation, purpose, $0))
        }
    }

    func settle(
        _ cancellation: Cancellation, _ purpose: CancelPurpose, _ result: Result<HTTPReply, TransportFailure>
    ) {
        do throws(KinoraError) {
            do throws(KinoraError) {
                let reply: HTTPReply
                do { reply = try result.get() } catch { throw error.error }
                switch purpose {
                case .cancel: try settleCancel(cancellation, reply)
                case .poll: try settlePoll(cancellation, reply)
                case .lookUp(let page): try settleLookUp(cancellation, reply, page)
                }
            } catch {
                try failed(cancellation, error)
            }
        } catch {
            // It stays in its table, and its next look is due by itself.
            events.emit(.fault("cancellation of \(cancellation.task.id)", error))
        }
    }

    /// Whether the vendor did it the next poll tells: it may have been too late.
    private func settleCancel(_ cancellation: Cancellation, _ reply: HTTPReply) throws(KinoraError) {
        guard reply.status != 429, reply.status < 500 else {
            throw KinoraError(.upstreamServer, detail: "HTTP \(reply.status)")
        }
        try store.waitForEnd(ofCancelled: cancellation.task, delay: .zero, isAsked: true)
    }

    private func settlePoll(_ cancellation: Cancellation, _ reply: HTTPReply) throws(KinoraError) {
        let task = cancellation.task
        let vendor = try vendor(of: task)
        let progress: VendorProgress
        do throws(KinoraError) {
            progress = try vendor.progress(reply, of: task.vendorTask ?? "", try account(of: task))
        } catch {
            guard error.code == .upstreamExpired else { throw error }
            return try end(task, .cancelled)
        }
        switch progress {
        case .pending: try wait(cancellation, machine(for: task, vendor).pace.next(after: task.running))
        case .completed, .told, .failed: try end(task, .cancelled)
        }
    }

    private func settleLookUp(
        _ cancellation: Cancellation, _ reply: HTTPReply, _ number: Int
    ) throws(KinoraError) {
        let task = cancellation.task
        let account = try account(of: task)
        let page = try vendor(of: task).found(reply, for: job(for: task), account)
        for candidate in page.candidates {
            do throws(KinoraError) {
                _ = try store.noteTicket(candidate, ofCancelled: task)
                return
            } catch {
                // Another attempt owns that vendor task: not ours, try the next.
                if error.code != .alreadyExists { throw error }
            }
        }
        if page.isClear, let next = page.nextPage, number < Self.lookUpPagesMax {
            return send(next, cancellation, .lookUp(page: number + 1), account)
        }
        if page.isClear, page.nextPage == nil { return try end(task, .abandoned) }
        try wait(cancellation, Self.retryPause)
    }

    private func wait(_ cancellation: Cancellation, _ delay: Duration) throws(KinoraError) {
        try store.waitForEnd(ofCancelled: cancellation.task, delay: delay, isAsked: cancellation.isAsked)
    }

    private func failed(_ cancellation: Cancellation, _ error: KinoraError) throws(KinoraError) {
        let task = cancellation.task
        events.emit(.cancellationFailed(task.id, scrubbed(error, task), on: task.attemptPoint))
        try wait(cancellation, Self.retryPause)
    }

    private func end(_ task: ClaimedTask, _ how: CancelledEnd) throws(KinoraError) {
        if try store.end(cancelled: task, how) { noteFreeSlot() }
    }

    /// What was cancelled while its vendor made it is made now: nobody wants it.
    func noteMade(_ task: ClaimedTask) throws(KinoraError) { try end(task, .cancelled) }

    /// What was cancelled before its submit left never will be at its vendor.
    func noteUnsent(_ task: ClaimedTask) {
        guard task.vendorTask == nil else { return }
        do throws(KinoraError) { try end(task, .abandoned) } catch {
            events.emit(.fault("cancellation of \(task.id)", error))
        }
    }

    /// What a worker learned of a task that was cancelled while it held it. Does nothing to other tasks.
    func noteLost(_ action: TaskAction, _ task: ClaimedTask) throws(KinoraError) {
        switch action {
        case .accept(let vendorTask, _): _ = try store.noteTicket(vendorTask, ofCancelled: task)
        case .requeue, .elsewhere: try end(task, .abandoned)
        case .fail(let error) where ![.submitUnknown, .taskDeadline].contains(error.code):
            try end(task, task.vendorTask == nil ? .abandoned : .cancelled)
        case .fail, .wait, .lookUp: break
        }
    }
}
