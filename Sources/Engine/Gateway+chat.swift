import Core
import Store

/// Chats with models of media: each is a task, whose end or whose course is the answer.
extension Gateway {
    func chat(
        _ request: RelayRequest, about submission: Submission, _ model: Model, for caller: Caller,
        _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        var submission = submission
        if let cameo = try character(in: &submission, model, caller),
            submission.prompt.allSatisfy(\.isWhitespace)
        {
            return .toldCameo(cameo, family: model.family, isStreamed: request.isStreamed)
        }
        guard request.isStreamed else {
            return told(try submit(submission, for: caller, patience), model)
        }
        // The task comes at once, and what becomes of it is told.
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

    /// Has the character made that a chat asks for, and puts it into the prompt. Nil: none is asked for.
    private func character(
        in submission: inout Submission, _ model: Model, _ caller: Caller
    ) throws(KinoraError) -> Cameo? {
        guard var wish = Self.takeCharacter(from: &submission, model) else { return nil }
        let line = try bridgeLine()
        let isAll = submission.prompt.allSatisfy(\.isWhitespace)
        // What is going to be refused must not leave a character behind.
        if !isAll {
            let task = try draft(of: submission, for: caller).task
            if task.price.micros > 0 { try store.requireQuota(task.price, of: caller) }
        }
        wish.model = model.id
        wish.idempotencyKey = submission.idempotencyKey
        wish.fingerprint = submission.fingerprint
        let cameo = try made(wish, for: caller, line)
        if !isAll { submission.prompt = "@\(cameo.username) \(submission.prompt)" }
        return cameo
    }

    /// The character that is to be made first. Where none is asked for, nor can be made, its film is given
    /// with the rest.
    static func takeCharacter(from submission: inout Submission, _ model: Model) -> CameoDraft? {
        guard let wish = submission.cameo else { return nil }
        submission.cameo = nil
        if wish.isAskedFor || model.family == bridgedFamily { return wish }
        submission.references.append(wish.video)
        return nil
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
