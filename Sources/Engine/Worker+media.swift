import Core
import Glibc
import Store
import Synchronization
import Upstream

/// What a task has to do with the media store. A bucket may take its time, or hang: no thread waits for it.
extension Worker {
    // Before a submit: the references

    /// Has the references at hand as files, one after the other, and then submits. `files` are the first of
    /// them.
    func open(_ task: ClaimedTask, after files: [MediaFile]) {
        hold(task)
        media.open(task.references[files.count]) { [self] in inbox.put(.opened(task, files, $0)) }
    }

    func settleOpened(
        _ task: ClaimedTask, _ files: [MediaFile], _ result: Result<MediaFile, KinoraError>
    ) {
        var files = files
        do throws(KinoraError) {
            let file = try result.get()
            files.append(file)
            let wanted = task.references[files.count - 1]
            if file.isCopy, try media.spool.examine(file.path).sha256 != wanted.sha256 {
                throw KinoraError(.storageFailed, detail: "the store gave other bytes than \(wanted.sha256)")
            }
            guard files.count == task.references.count else { return open(task, after: files) }
            try submit(task, files, try vendor(of: task), try account(of: task))
        } catch {
            endSubmit(files)
            // The event says where; the task's own error says nothing of our insides.
            events.emit(.fault("references of task \(task.id)", error))
            perform(machine(for: task, nil).action(on: .refused(error)), task)
        }
    }

    /// The submit was answered, or never left.
    func endSubmit(_ files: [MediaFile]) {
        for file in files where file.isCopy { unlink(file.path) }
        submitsUnderWay.subtract(1, ordering: .releasing)
    }

    // After the vendor is done: the result

    /// Gives a result to the store.
    func keep(_ path: String, as stored: StoredMedia, of task: ClaimedTask) {
        hold(task)
        media.keep(path, as: stored) { [self] in inbox.put(.kept(task, stored, path: path, $0)) }
    }

    func settleKept(_ task: ClaimedTask, _ stored: StoredMedia, _ path: String, _ error: KinoraError?) {
        unlink(path)
        if let error { return notStored(task, error) }
        if persist(task, { store throws(KinoraError) in try store.succeeded(task, result: stored) }) {
            finished(task, .succeeded, nil)
        } else {
            // It was cancelled meanwhile, or is another worker's, who may just be storing the same bytes.
            do throws(KinoraError) { try store.removeUnlessNamed(stored) } catch {
                events.emit(.fault("result of task \(task.id)", error))
            }
        }
    }

    func notStored(_ task: ClaimedTask, _ error: KinoraError) {
        events.emit(.storeFailed(task.id, scrubbed(error, task), on: task.attemptPoint))
        // It may have gone too fast to be noted before.
        persist(task) { store throws(KinoraError) in try store.storing(task) }
        perform(machine(for: task, nil).action(on: .storeFailed(error)), task)
    }

    // When nobody needs it any more

    /// Removes what no row names any more. The table `media_removal` remembers it until it is gone.
    func removeUnused() throws(KinoraError) {
        guard !isDraining.load(ordering: .relaxed) else { return }
        for removal in try store.claimMediaRemovals(limit: Self.removalsMax) {
            calls.add(1, ordering: .relaxed)
            media.remove(removal.media) { [self] in inbox.put(.removed(removal, $0)) }
        }
    }

    private static let removalsMax = 50

    func settle(_ removal: MediaRemoval, _ result: Result<Bool, KinoraError>) {
        do throws(KinoraError) {
            // What was stored a moment ago is looked at again, as what failed is.
            if try result.get() { try store.mediaRemovalDone(removal) }
        } catch {
            events.emit(.mediaRemovalFailed(removal.media.sha256, tries: removal.tries, error))
        }
    }
}
