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
                case .removal(let removal, let result):
                    chores.subtract(1, ordering: .relaxed)
                    settle(removal, result)
                case .removed(let removal, let result):
                    chores.subtract(1, ordering: .relaxed)
                    settle(removal, result)
                case .slow(let task):
                    noteSlow(task)
                    holdings.end(task)
                case .opened(let task, let files, let result):
                    settleOpened(task, files, result)
                    holdings.end(task)
                case .kept(let task, let stored, let path, let harvest, let error):
                    settleKept(task, stored, path, harvest, error)
                    holdings.end(task)
                case .cancellation(let cancellation, let purpose, let result):
                    chores.subtract(1, ordering: .relaxed)
                    settle(cancellation, purpose, result)
                case .task(let completion):
                    if completion.purpose.isLook { holdings.endLook(completion.task) }
                    settle(completion)
                    holdings.end(completion.task)
                    if case .submit(let files, _) = completion.purpose { endSubmit(files) }
                }
            }
        }
    }

    private func settle(_ completion: Completion) {
        let task = completion.task
        do throws(KinoraError) {
            let vendor = try vendor(of: task)
            switch completion.purpose {
            case .submit(let files, let reply): try settleSubmit(completion, vendor, files, reply)
            case .lookUp(let page): try settleLookUp(completion, vendor, page: page)
            case .poll(let isSecond): try settlePoll(completion, vendor, isSecond: isSecond)
            case .told(let harvest, let ticket): settleTold(completion, vendor, harvest, of: ticket)
            case .fetch(let harvest, let url, let path, let hop):
                settleFetch(completion, vendor, harvest, url, path, hop)
            }
        } catch {
            events.emit(.pollFailed(task.id, scrubbed(error, task), on: task.attemptPoint))
            goOn(task, on: .pollFailed(error), try? vendor(of: task))
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
            canLookUp: vendor?.lookUp(task.kind) != nil)
    }

    private func settleSubmit(
        _ completion: Completion, _ vendor: any Vendor, _ files: [MediaFile], _ made: ReplyFile?
    ) throws(KinoraError) {
        let task = completion.task
        let answer = Result { () throws(KinoraError) in
            try read(completion.result, of: job(for: task, files), made, vendor)
        }
        // Read or not, it goes before anybody hears how the task goes on.
        if let made { unlink(made.path) }
        if task.vendorTaskBefore != nil { return settlePart(completion, answer.map(\.0), vendor) }
        func perform(_ event: TaskEvent) { self.perform(machine(for: task, vendor).action(on: event), task) }
        let status: Int
        switch completion.result {
        case .failure(let failure):
            return perform(
                failure.mayHaveArrived
                    ? .submitUnanswered(failure.error) : .refused(failure.error.ofAccountsAddress))
        case .success(let reply): status = reply.status
        }
        switch answer {
        case .failure(let error): perform(Self.event(ofSubmit: status, error))
        case .success((.ticket(let ticket), _, _)): perform(.accepted(vendorTask: ticket))
        case .success((.refused(let error), _, _)): perform(.refused(Self.understood(error)))
        case .success((.made(let results), let usage, let files)):
            usual.note(task.running, route: task.route, known: task.usual)
            guard persist(task, { store throws(KinoraError) in try store.storing(task) }) else {
                return try noteMade(task)
            }
            gather(task.storing(), Harvest(results, files, for: task, usage: usage))
        }
    }

    /// What a submit's reply says, of usage too, and the media that came with it.
    private func read(
        _ result: Result<HTTPReply, TransportFailure>, of job: @autoclosure () -> VendorJob,
        _ made: ReplyFile?,
        _ vendor: any Vendor
    ) throws(KinoraError) -> (VendorAnswer, usage: JSON?, [HeldFile]) {
        var reply: HTTPReply
        do { reply = try result.get() } catch { throw error.error }
        var files: [HeldFile] = []
        if let made {
            let rest: [UInt8]
            (rest, files) = try media.spool.cut(made.path, members: made.mediaMembers)
            reply = reply.with(body: rest)
        }
        return (try vendor.accepted(reply, for: job()), vendor.usage(in: reply), files)
    }

    /// What a reply means that accepts nothing. A success that cannot be read, and a server's fault, leave
    /// open whether the task was taken. Only 503 and the 4xx are certain refusals, without 408: who gave up
    /// waiting may be a gateway whose upstream did not. Who says it is done, and has nothing, took it for
    /// certain.
    static func event(ofSubmit status: Int, _ error: KinoraError) -> TaskEvent {
        if error.code == .upstreamEmptyResult { return .failed(error) }
        let isCertain = (400..<500).contains(status) && status != 408 || status == 503
        return isCertain ? .refused(error) : .submitUnanswered(error)
    }

    /// A refusal with a code that nobody knows speaks against the request, of which there are more ways to be
    /// wrong than a table has: else one request could take every account out of service.
    static func understood(_ refusal: KinoraError) -> KinoraError {
        guard refusal.code == .upstreamProtocol else { return refusal }
        return KinoraError(.upstreamRequest, detail: "an unknown code: \(refusal.detail)")
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

    private func settlePoll(
        _ completion: Completion, _ vendor: any Vendor, isSecond: Bool
    ) throws(KinoraError) {
        let task = completion.task
        let reply: HTTPReply
        do { reply = try completion.result.get() } catch { throw error.error }
        let account = try account(of: task)
        let ticket = task.vendorTask ?? ""
        switch try vendor.progress(reply, of: ticket, account) {
        case .pending(let percent, let isPostprocessing):
            goOn(task, on: .pending(progress: percent, isPostprocessing: isPostprocessing), vendor)
        case .told(let call):
            guard !isSecond else {
                throw KinoraError(.upstreamProtocol, detail: "its result is told by ever another reply")
            }
            send(call, task, .poll(isSecond: true), account)
        case .failed(let error): goOn(task, on: .failed(error), vendor)
        case .completed(let results):
            let parts = vendor.parts(of: ticket)
            let all = Self.results(of: parts?.earlier) + results
            if let asking = parts?.asking {
                try submitPart(task, after: all, as: asking, vendor, account)
            } else {
                deliver(task, all, usage: vendor.usage(in: reply))
            }
        }
    }

    func deliver(_ task: ClaimedTask, _ results: [VendorResult], usage: JSON? = nil) {
        usual.note(task.running, route: task.route, known: task.usual)
        let task = task.storing()
        holdings.fetch(task)
        gather(task, Harvest(results, for: task, usage: usage))
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
}
