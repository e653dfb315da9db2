import Core
import Glibc
import Store
import Synchronization
import Upstream

/// What a vendor has made for a task, on its way into the media store, one thing after the other.
struct Harvest: Sendable {
    /// What is still to be had, in order.
    var waiting: [VendorResult]
    /// What came with the vendor's answer.
    let files: [HeldFile]
    /// How many were asked for.
    let asked: Int
    /// What the vendor says that it took; nil: it does not say, or more than is kept.
    let usage: JSON?
    private static let usageBytesMax = 2000
    var kept: [TaskResult] = []
    /// How many of `waiting`, its last ones, could not be had just now.
    var putOff = 0
    var missing: Int { max(asked - kept.count, 0) }

    /// At most as many as were asked for, even where the vendor makes more.
    init(_ results: [VendorResult], _ files: [HeldFile] = [], for task: ClaimedTask, usage: JSON?) {
        self.usage = usage.flatMap { $0.text.utf8.count <= Self.usageBytesMax ? $0 : nil }
        asked = max(task.parameters["n"]?.integerValue.map { Int(clamping: $0) } ?? results.count, 1)
        waiting = Array(results.prefix(asked))
        self.files = files
    }
}

extension Worker {
    /// The vendor is done. What it has made is stored, and then the task has succeeded.
    func gather(_ task: ClaimedTask, _ harvest: Harvest) {
        guard let next = harvest.waiting.first else { return succeed(task, harvest) }
        do throws(KinoraError) {
            switch next.source {
            case .media(let place):
                guard harvest.files.indices.contains(place) else {
                    throw KinoraError(.upstreamProtocol, detail: "the reply has no media of number \(place)")
                }
                try examine(harvest.files[place].path, of: task, harvest)
            case .link(let link):
                let account = try account(of: task)
                guard let target = WebAddress.target(of: link, from: account.baseURL) else {
                    throw KinoraError(.addressRefused, detail: "the result's address is no https URL")
                }
                fetch(HTTPCall(.get, target, timeoutSeconds: 600), task, account, harvest, hop: 0)
            case .call(let call): fetch(call, task, try account(of: task), harvest, hop: 0)
            case .told(let ticket):
                let account = try account(of: task)
                send(try vendor(of: task).poll(ticket, account), task, .told(harvest, of: ticket), account)
            }
        } catch { missed(task, harvest, error) }
    }

    /// Now it is known where the next result is.
    func settleTold(
        _ completion: Completion, _ vendor: any Vendor, _ harvest: Harvest, of ticket: String
    ) {
        let task = completion.task
        do throws(KinoraError) {
            let reply: HTTPReply
            do { reply = try completion.result.get() } catch { throw error.error }
            switch try vendor.progress(reply, of: ticket, try account(of: task)) {
            case .completed(let results):
                var harvest = harvest
                harvest.waiting.replaceSubrange(..<1, with: results.prefix(1))
                gather(task, harvest)
            case .failed(let error): throw error
            case .pending, .told:
                throw KinoraError(.upstreamProtocol, detail: "what was done is not done any more")
            }
        } catch { missed(task, harvest, error) }
    }

    private func succeed(_ task: ClaimedTask, _ harvest: Harvest) {
        do throws(KinoraError) {
            let isWritten = try persistThrowing(task, lockTries: lockTries(task)) {
                store throws(KinoraError) in
                try store.succeeded(
                    task, results: harvest.kept, missing: harvest.missing, usage: harvest.usage)
            }
            if isWritten { return finished(task, .succeeded, nil) }
        } catch {
            if error.isLocked { return restLocked(task, error, harvest) }
            events.emit(.fault("task \(task.id)", error))
        }
        // It was cancelled meanwhile, and needs its slot no more; or it is another worker's, who may just be
        // storing the same bytes.
        do throws(KinoraError) { try noteMade(task) } catch {
            events.emit(.fault("cancellation of \(task.id)", error))
        }
        for result in harvest.kept {
            do throws(KinoraError) { try store.removeUnlessNamed(result.media) } catch {
                events.emit(.fault("result of task \(task.id)", error))
            }
        }
    }

    /// Most redirects that lead to a result.
    private static let hopsMax = 5

    private func fetch(
        _ call: HTTPCall, _ task: ClaimedTask, _ account: VendorAccount, _ harvest: Harvest, hop: Int
    ) {
        let path = media.spool.newPath()
        let bytesMax = task.kind == .image ? Limits.pictureBytesMax : Limits.resultBytesMax
        send(
            call, task, .fetch(harvest, from: call.url, to: path, hop: hop), account,
            into: .file(path: path, bytesMax: bytesMax))
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

    func settleFetch(
        _ completion: Completion, _ vendor: any Vendor, _ harvest: Harvest, _ url: String, _ path: String,
        _ hop: Int
    ) {
        let task = completion.task
        do throws(KinoraError) {
            let reply: HTTPReply
            do { reply = try completion.result.get() } catch { throw error.error }
            if let call = Self.redirect(reply, from: url, hop: hop) {
                unlink(path)
                return fetch(call, task, try account(of: task), harvest, hop: hop + 1)
            }
            if let error = vendor.contentError(reply) { throw error }
            guard reply.fileBytes > 0 else {
                throw KinoraError(.upstreamEmptyResult, detail: "the result has no bytes")
            }
            try examine(path, of: task, harvest)
        } catch {
            unlink(path)
            missed(task, harvest, error)
        }
    }

    /// Gives a result to the store if it is what the task was to make.
    private func examine(_ path: String, of task: ClaimedTask, _ harvest: Harvest) throws(KinoraError) {
        let facts = try media.spool.examine(path)
        guard let type = facts.type, type.family.rawValue == task.kind.rawValue else {
            throw KinoraError(.upstreamEmptyResult, detail: "the result is no \(task.kind.rawValue)")
        }
        let stored = StoredMedia(sha256: facts.sha256, bytes: facts.bytes, type: type)
        hold(task)
        media.keep(path, as: stored) { [self] in inbox.put(.kept(task, stored, path: path, harvest, $0)) }
    }

    func settleKept(
        _ task: ClaimedTask, _ stored: StoredMedia, _ path: String, _ harvest: Harvest, _ error: KinoraError?
    ) {
        // What came with the answer is still needed if it is to be tried again.
        let isHeld = harvest.files.contains { $0.path == path }
        if !isHeld { unlink(path) }
        if let error { return notStored(task, harvest, error) }
        var harvest = harvest
        let revised = harvest.waiting[0].revisedPrompt.map {
            String($0.unicodeScalars.prefix(Limits.promptCharactersMax).map(Character.init))
        }
        harvest.kept.append(TaskResult(stored, revisedPrompt: revised))
        harvest.waiting.removeFirst()
        gather(task, harvest)
    }

    /// One of several that cannot be had is left out, and one that cannot be had now comes after the others;
    /// what the vendor did make is delivered.
    private func missed(_ task: ClaimedTask, _ harvest: Harvest, _ error: KinoraError) {
        let isForGood = error.code.facts.retry == .never
        // Nothing else is left that could be had.
        let isAlone =
            isForGood
            ? harvest.kept.isEmpty && harvest.waiting.count == 1
            : harvest.putOff + 1 >= harvest.waiting.count
        guard !isAlone else { return notStored(task, harvest, error) }
        events.emit(.storeFailed(task.id, scrubbed(error, task), on: task.attemptPoint))
        var rest = harvest
        let missed = rest.waiting.removeFirst()
        if !isForGood {
            rest.waiting.append(missed)
            rest.putOff += 1
        }
        gather(task, rest)
    }

    /// A vendor that can be polled is asked for the result again; what another one has sent is kept until
    /// then.
    private func notStored(_ task: ClaimedTask, _ harvest: Harvest, _ error: KinoraError) {
        events.emit(.storeFailed(task.id, scrubbed(error, task), on: task.attemptPoint))
        // It may have gone too fast to be noted before.
        persist(task, lockTries: lockTries(task)) { store throws(KinoraError) in try store.storing(task) }
        let action = machine(for: task, nil).action(on: .storeFailed(error))
        var rest = harvest
        if case .fail = action, !harvest.kept.isEmpty {
            rest.waiting = []
            return gather(task, rest)
        }
        rest.putOff = 0
        perform(action, task, harvest: task.vendorTask == nil ? rest : nil)
    }
}
