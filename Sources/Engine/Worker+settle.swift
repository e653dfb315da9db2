import Core
import Glibc
import Store
import Synchronization
import Upstream

extension Worker {
    /// Reads replies and acts on them, until the inbox is closed.
    func settle() {
        while true {
            let completions = inbox.take(limit: 1)
            if completions.isEmpty { return }
            for completion in completions {
                settle(completion)
                calls.subtract(1, ordering: .relaxed)
                if case .submit = completion.purpose { submitsUnderWay.subtract(1, ordering: .releasing) }
            }
        }
    }

    private func settle(_ completion: Completion) {
        let task = completion.task
        do throws(KinoraError) {
            let vendor = try Vendors.named(task.account.vendor)
            switch completion.purpose {
            case .submit:
                perform(machine(for: task, vendor).action(on: submitEvent(completion.result, vendor)), task)
            case .lookUp(let page): try settleLookUp(completion, vendor, page: page)
            case .poll: try settlePoll(completion, vendor)
            case .fetch(let path): settleFetch(completion, vendor, path)
            }
        } catch {
            events.emit(.pollFailed(task.id, error))
            perform(machine(for: task, nil).action(on: .pollFailed(error)), task)
        }
    }

    func machine(for task: ClaimedTask, _ vendor: (any Vendor)?) -> TaskMachine {
        let interval = vendor?.pollInterval ?? .seconds(2) ... .seconds(20)
        return TaskMachine(
            attempt: task.attempt, running: task.running, remaining: task.remaining,
            pace: PollPace(
                usual: usual.usual(route: task.route, known: task.usual), shortest: interval.lowerBound,
                longest: interval.upperBound),
            hasTicket: task.vendorTask != nil, canLookUp: vendor?.lookUp != nil)
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
                // Only 503 and the 4xx are certain refusals.
                let isCertain = (400..<500).contains(reply.status) || reply.status == 503
                return isCertain ? .refused(error) : .submitUnanswered(error)
            }
        }
    }

    /// Most pages of a vendor's list that are read for one task.
    private static let lookUpPagesMax = 10

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
            guard persist(task, { store throws(KinoraError) in try store.storing(task) }) else { return }
            let path = media.newSpoolPath()
            send(
                call, task, .fetch(path: path), account,
                into: .file(path: path, bytesMax: Limits.resultBytesMax))
        }
    }

    private func settleFetch(_ completion: Completion, _ vendor: any Vendor, _ path: String) {
        let task = completion.task
        defer { unlink(path) }
        do throws(KinoraError) {
            let reply: HTTPReply
            do { reply = try completion.result.get() } catch { throw error.error }
            if let error = vendor.contentError(reply) { throw error }
            let facts = try media.examine(path)
            guard let type = facts.type, type.family.rawValue == task.kind.rawValue else {
                throw KinoraError(.upstreamEmptyResult, detail: "the result is no \(task.kind.rawValue)")
            }
            let stored = try media.adopt(path, sha256: facts.sha256, bytes: facts.bytes, type: type)
            if persist(task, { store throws(KinoraError) in try store.succeeded(task, result: stored) }) {
                finished(task, .succeeded, nil)
            }
        } catch {
            perform(machine(for: task, vendor).action(on: .storeFailed(error)), task)
        }
    }
}
