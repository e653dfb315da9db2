import Core
import Store

extension Gateway {
    /// What a task has made, as links or as files to be read. `waitSeconds` 0 waits for nothing.
    func results(
        _ reference: TaskReference, of caller: Caller, waitSeconds: Int, as form: ResultForm,
        _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        // Files may have to come from a bucket first.
        if !patience.mayWait, waitSeconds > 0 || form == .base64 { return .needsPatience }
        let task =
            waitSeconds > 0
            ? try result(reference, of: caller, waitSeconds: waitSeconds, isToldWhy: true, patience)
            : try succeeded(reference, of: caller)
        var made: [MadeMedia] = []
        for result in try results(of: task, of: caller) {
            let body: MadeMedia.Body =
                form == .link ? .link(link(to: result.media)) : .file(try file(of: result.media))
            // Clients of OpenAI's API read it without looking whether it is there.
            made.append(MadeMedia(body, revisedPrompt: result.revisedPrompt ?? task.prompt))
        }
        return .results(task, made)
    }

    /// A task that has succeeded, now; every other state is an error.
    func succeeded(_ reference: TaskReference, of caller: Caller) throws(KinoraError) -> MediaTask {
        let task = try task(reference, of: caller, asOfNow: true)
        switch task.state {
        case .queued, .running, .storing:
            throw KinoraError(.taskNotCompleted, detail: task.state.rawValue, state: task.state)
        case .failed, .expired, .cancelled:
            throw KinoraError(.generationFailed, task.failure?.message)
        case .succeeded: return task
        }
    }

    /// What a task that has succeeded has made, as links.
    func links(of task: MediaTask, _ caller: Caller) throws(KinoraError) -> [String] {
        try results(of: task, of: caller).map { link(to: $0.media) }
    }

    /// Never empty.
    func results(of task: MediaTask, of caller: Caller) throws(KinoraError) -> [TaskResult] {
        let (known, ticket) = wakeups.recent.entry(TaskReference(task.id), of: caller.userID)
        if let results = known?.results { return results }
        let results = try store.results(ofTask: task.row)
        guard !results.isEmpty else { throw KinoraError(.contentNotFound) }
        wakeups.recent.keep(task, results, of: caller.userID, ticket)
        return results
    }

    /// The bytes as a file that stays until they are sent.
    private func file(of stored: StoredMedia) throws(KinoraError) -> any LocalFile {
        let answer = Guarded<Result<MediaFile, KinoraError>?>(nil)
        let hasEnded = Signal()
        media.open(stored) { result in
            answer.withLock { $0 = result }
            hasEnded.raise()
        }
        // The store ends every call by itself; this is for one that does not.
        guard hasEnded.wait(for: .seconds(Limits.mediaSeconds(of: stored.bytes) + 5)),
            let file = try answer.withLock({ $0 })?.get()
        else { throw KinoraError(.storageFailed, detail: "the media store did not answer") }
        return HeldFile(file.path, bytes: stored.bytes, isCopy: file.isCopy)
    }
}
