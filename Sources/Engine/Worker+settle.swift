import Core
import Glibc
import Store
import Synchronization
import Upstream

extension Worker {
    /// Reads replies and acts on them, until the inbox is closed.
    func settle() {
        while true {
            let answers = inbox.take(limit: 1)
            if answers.isEmpty { return }
            for answer in answers {
                calls.subtract(1, ordering: .relaxed)
                switch answer {
                case .removal(let removal, let result): settle(removal, result)
                case .removed(let removal, let result): settle(removal, result)
                case .slow(let task):
                    noteSlow(task)
                    holdings.end(task)
                case .opened(let task, let files, let result):
                    settleOpened(task, files, result)
                    holdings.end(task)
                case .kept(let task, let stored, let path, let error):
                    settleKept(task, stored, path, error)
                    holdings.end(task)
                case .cancellation(let cancellation, let purpose, let result):
                    settle(cancellation, purpose, result)
                case .task(let completion):
                    settle(completion)
                    holdings.end(completion.task)
                    if case .submit(let files) = completion.purpose { endSubmit(files) }
                }
            }
        }
    }

    private func settle(_ completion: Completion) {
        let task = completion.task
        do throws(KinoraError) {
            let vendor = try vendor(of: task)
            switch completion.purpose {
            case .submit:
                perform(machine(for: task, vendor).action(on: submitEvent(completion.result, vendor)), task)
            case .lookUp(let page): try settleLookUp(completion, vendor, page: page)
            case .poll: try settlePoll(completion, vendor)
            case .fetch(let url, let path, let hop): settleFetch(completion, vendor, url, path, hop)
            }
        } catch {
            events.emit(.pollFailed(task.id, scrubbed(error, task), on: task.attemptPoint))
            perform(machine(for: task, nil).action(on: .pollFailed(error)), task)
        }
    }

    func machine(for task: ClaimedTask, _ vendor: (any Vendor)?) -> TaskMachine {
        let interval = vendor?.pollInterval ?? .seconds(2) ... .seconds(20)
        return TaskMachine(
            attempt: task.attempt, accountsTried: task.accountsTried, running: task.running,
            remaining: task.remaining,
            pace: PollPace(
                usual: usual.usual(route: task.route, known: task.usual), shortest: interval.lowerBound,
                longest: interval.upperBound),
            hasTicket: task.vendorTask != nil, isStoring: task.state == .storing,
            canLookUp: vendor?.lookUp != nil)
    }

    /// What the answer to a submit, or its absence, means.
    private func submitEvent(
        _ result: Result<HTTPReply, TransportFailure>, _ vendor: any Vendor
    ) -> TaskEvent {
        switch result {
        case .failure(let failure):
            return failure.mayHaveArrived ? .submitUnanswered(failure.error) : .refused(failure.error)
        case .success(let reply):
            do throws(KinoraError) { return .accepted(vendorTask: try vendor.accepted(reply)) } catch {
                // A success that cannot be read, and a server's fault, leave open whether the task was taken.
                // Only 503 and the 4xx are certain refusals, without 408: who gave up waiting may be a
                // gateway whose upstream did not.
                let status = reply.status
                let isCertain = (400..<500).contains(status) && status != 408 || status == 503
                return isCertain ? .refused(error) : .submitUnanswered(error)
            }
        }
    }

    /// Most pages of a vendor's list that are read for one task.
    static let lookUpPagesMax = 10

    private func settleLookUp(
        _ completion: Completion, _ vendor: any Vendor, page number: Int
    ) throws(KinoraError) {
        let task = completion.task
        let reply: HTTPReply
        do { reply = try completion.result.get() } catch { throw error.error }
        let account = try account(of: task)
        let page = try vendor.found(reply, for: job(for: task), account)
        for candidate in page.candidates {
            do throws(KinoraError) {
                try write(machine(for: task, vendor).action(on: .accepted(vendorTask: candidate)), task)
                return
            } catch {
                // Another attempt owns that vendor task: not ours, try the next.
                if error.code != .alreadyExists { throw error }
            }
        }
        guard page.isClear else {
            return perform(machine(for: task, vendor).action(on: .lookUpUnclear), task)
        }
        if let next = page.nextPage, number < Self.lookUpPagesMax {
            return send(next, task, .lookUp(page: number + 1), account)
        }
        let event = page.nextPage == nil ? TaskEvent.notFoundAtVendor : .lookUpUnclear
        perform(machine(for: task, vendor).action(on: event), task)
    }

    private func settlePoll(_ completion: Completion, _ vendor: any Vendor) throws(KinoraError) {
        let task = completion.task
        let reply: HTTPReply
        do { reply = try completion.result.get() } catch { throw error.error }
        let account = try account(of: task)
        switch try vendor.progress(reply, of: task.vendorTask ?? "", account) {
        case .pending(let percent, let isPostprocessing):
            perform(
                machine(for: task, vendor).action(
                    on: .pending(progress: percent, isPostprocessing: isPostprocessing)),
                task)
        case .failed(let error):
            perform(machine(for: task, vendor).action(on: .failed(error)), task)
        case .completed(let call):
            usual.note(task.running, route: task.route, known: task.usual)
            let task = task.storing()
            holdings.fetch(task)
            fetch(call, task, account, hop: 0)
        }
    }

    /// What its owner and an operator see of a task whose result is not here at once. Nothing depends on it:
    /// whoever takes the task over polls it in any case.
    private func noteSlow(_ task: ClaimedTask) {
        do throws(KinoraError) {
            if try store.storing(task) { wakeups.noteChanges([task.row]) }
        } catch {
            events.emit(.fault("task \(task.id)", error))
        }
    }

    /// Most redirects that lead to a result.
    private static let hopsMax = 5

    private func fetch(_ call: HTTPCall, _ task: ClaimedTask, _ account: VendorAccount, hop: Int) {
        let path = media.spool.newPath()
        send(
            call, task, .fetch(from: call.url, to: path, hop: hop), account,
            into: .file(path: path, bytesMax: Limits.resultBytesMax))
    }

    /// Where a redirect leads, as a call without the vendor's key: result hosts are nobody's business. Nil
    /// for every other reply.
    private static func redirect(_ reply: HTTPReply, from url: String, hop: Int) -> HTTPCall? {
        guard [301, 302, 303, 307, 308].contains(reply.status), hop < hopsMax,
            let location = reply.headers["location"],
            let target = WebAddress.target(of: location, from: url)
        else { return nil }
        return HTTPCall(.get, target, timeoutSeconds: 600)
    }

    private func settleFetch(
        _ completion: Completion, _ vendor: any Vendor, _ url: String, _ path: String, _ hop: Int
    ) {
        let task = completion.task
        var isHandedOn = false
        defer { if !isHandedOn { unlink(path) } }
        do throws(KinoraError) {
            let reply: HTTPReply
            do { reply = try completion.result.get() } catch { throw error.error }
            if let call = Self.redirect(reply, from: url, hop: hop) {
                return fetch(call, task, try account(of: task), hop: hop + 1)
            }
            if let error = vendor.contentError(reply) { throw error }
            guard reply.fileBytes > 0 else {
                throw KinoraError(.upstreamEmptyResult, detail: "the result has no bytes")
            }
            let facts = try media.spool.examine(path)
            guard let type = facts.type, type.family.rawValue == task.kind.rawValue else {
                throw KinoraError(.upstreamEmptyResult, detail: "the result is no \(task.kind.rawValue)")
            }
            isHandedOn = true
            keep(path, as: StoredMedia(sha256: facts.sha256, bytes: facts.bytes, type: type), of: task)
        } catch {
            notStored(task, error)
        }
    }
}
