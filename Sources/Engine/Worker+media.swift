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
            // It may have taken long: what was cancelled meanwhile must not be submitted any more.
            guard holdings.holds(task) else {
                endSubmit(files)
                return noteUnsent(task)
            }
            try submit(task, files, try vendor(of: task), try account(of: task))
        } catch {
            endSubmit(files)
            // The event says where; the task's own error says nothing of our insides.
            events.emit(.fault("references of task \(task.id)", error))
            guard task.vendorTaskBefore == nil else { return partRefused(task, error) }
            perform(machine(for: task, nil).action(on: .refused(error)), task)
        }
    }

    /// The submit was answered, or never left.
    func endSubmit(_ files: [MediaFile]) {
        for file in files where file.isCopy { unlink(file.path) }
        submitsUnderWay.subtract(1, ordering: .releasing)
    }

    // When nobody needs it any more

    /// Removes what no row names any more. The table `media_removal` remembers it until it is gone.
    func removeUnused() throws(KinoraError) {
        let room = choreRoom
        guard room > 0, !isDraining.load(ordering: .relaxed) else { return }
        for removal in try store.claimMediaRemovals(limit: room) {
            beginChore()
            media.remove(removal.media) { [self] in inbox.put(.removed(removal, $0)) }
        }
    }

    func settle(_ removal: MediaRemoval, _ result: Result<Bool, KinoraError>) {
        do throws(KinoraError) {
            // What was stored a moment ago is looked at again, as what failed is.
            if try result.get() { try store.mediaRemovalDone(removal) }
        } catch {
            events.emit(.mediaRemovalFailed(removal.media.sha256, tries: removal.tries, error))
        }
    }
}
