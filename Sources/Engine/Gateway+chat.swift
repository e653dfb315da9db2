import Core

/// Chats with models of media: each is a task, whose end or whose course is the answer.
extension Gateway {
    func chat(
        _ request: RelayRequest, about submission: Submission, _ model: Model, for caller: Caller,
        _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        guard request.isStreamed else {
            return told(try submit(submission, for: caller, patience), model)
        }
        // The task comes at once, and what becomes of it is told.
        var submission = submission
        let seconds = submission.waitSeconds ?? Int(cache.snapshot.timeoutSeconds(for: submission.kind))
        submission.waitSeconds = nil
        submission.resultForm = nil
        let accepted = try submit(submission, for: caller, patience)
        return telling(accepted) { task in
            let watch = TaskWatch(task, of: caller, seconds: seconds, for: .result, self, patience)
            return .telling(
                TaskCourse(of: task, next: watch.next), family: model.family, wantsUsage: request.wantsUsage)
        }
    }

    private func told(_ outcome: Outcome, _ model: Model) -> Outcome {
        switch outcome {
        case .limited(let inner, let allowance): .limited(told(inner, model), allowance)
        case .results(let task, let made): .told(task, made, family: model.family)
        default: outcome
        }
    }

    private func telling(_ outcome: Outcome, _ course: (MediaTask) -> Outcome) -> Outcome {
        switch outcome {
        case .limited(let inner, let allowance): .limited(telling(inner, course), allowance)
        case .accepted(let task): course(task)
        default: outcome
        }
    }
}
