import Core
import Glibc
import Store
import Synchronization

extension Gateway {
    /// Checks a submission against its model, keeps it durably, and wakes a worker.
    func submit(
        _ submission: Submission, for caller: Caller, _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        let isPatient = submission.resultForm != nil || submission.references.contains(where: \.isRemote)
        if !patience.mayWait, isPatient { return .needsPatience }
        let idempotency = try idempotency(key: submission.idempotencyKey, submission.fingerprint)
        // The answer of the first time comes before every check: what it was checked against may have
        // changed.
        if let idempotency, let task = try replay(idempotency, caller) {
            return try answer(task, submission, caller, patience)
        }
        var (task, model) = try draft(of: submission, for: caller)
        // Whoever could not wait would be told that the task goes on, and submit it again.
        let isWaiting = submission.resultForm != nil || submission.waitSeconds != nil && patience.mayWait
        guard !isWaiting || !patience.isThreadScarce || waiters.hasRoom(for: caller.userID) else {
            throw Waiters.noRoom
        }
        task.idempotency = idempotency
        let line = LineLimit(
            family: model.family, waitingMax: cache.snapshot.waitingMax(of: model.family),
            priority: task.priority)
        if exactly(line) == nil { try longLines.check(line) }
        let media = try keepReferences(of: submission, for: task, model, line, patience)
        let (accepted, allowance) = try accept(&task, with: media, line)
        let outcome = try answer(accepted, submission, caller, patience)
        return allowance.map { .limited(outcome, $0) } ?? outcome
    }

    /// The task that a submission asks for, checked against its model and priced. Keeps nothing.
    func draft(
        of submission: Submission, for caller: Caller
    ) throws(KinoraError) -> (task: NewTask, model: Model) {
        let source = try remixSource(of: submission, caller)
        let model = try model(for: submission, source, caller)
        try check(prompt: submission.prompt)
        let category = try Self.category(of: submission, with: model)
        guard let rules = model.rules[category] else { throw Self.unsupported(category, submission, model) }
        try Self.count(submission, by: model.references(for: category), model)
        guard cache.snapshot.serves(model) else { throw KinoraError(.noAccount) }
        if model.isRefusedWithoutCredit, !(try store.isPayable(model.id)) {
            throw KinoraError(.insufficientCredits)
        }
        let parameters = try Self.parameters(of: submission, source, rules)
        var task = NewTask(
            id: TaskID.random(), caller: caller, dialect: submission.dialect, model: model.id,
            kind: submission.kind, category: category, prompt: submission.prompt,
            parameters: parameters, remixOf: source,
            userIdentifier: submission.userIdentifier, references: [],
            price: model.prices[category]?.cost(of: submission.kind, parameters) ?? Amount(micros: 0),
            idempotency: nil)
        task.piece = model.prices[category]?.piece(of: submission.kind, parameters) ?? Amount(micros: 0)
        return (task, model)
    }

    /// A remix has its source's length and size, whatever is asked, as it has its model: that is what the
    /// vendor renders. When that is done is its own matter.
    private static func parameters(
        of submission: Submission, _ source: TaskPoint?, _ rules: [ParameterRule]
    ) throws(KinoraError) -> Parameters {
        guard let source else { return try rules.checked(submission.parameters) }
        let own = try rules.filter { $0.name == Parameters.offPeak }.checked(submission.parameters)
        var parameters = source.parameters
        parameters[Parameters.offPeak] = own[Parameters.offPeak]
        return parameters
    }

    /// Nil for a line that `longLines` watches.
    func exactly(_ line: LineLimit) -> LineLimit? {
        line.waitingMax < LongLines.waitingMaxLeast ? line : nil
    }

    /// `media` lie in the store. Their rows may go with another task that is just being deleted: then they
    /// are made again, while the bytes are still there.
    private func accept(
        _ task: inout NewTask, with media: [StoredMedia], _ line: LineLimit
    ) throws(KinoraError) -> (MediaTask, Allowance?) {
        var kept: Kept?
        do throws(KinoraError) { kept = try keep(&task, with: media, line) } catch {
            forget(media, rows: task.references)
            throw error
        }
        guard let (row, createdAt, isTold, allowance) = kept else {
            forget(media, rows: task.references)
            // Another request with the same key was faster by a moment.
            guard let idempotency = task.idempotency, let first = try replay(idempotency, task.caller) else {
                throw KinoraError(.idempotencyInProgress)
            }
            return (first, nil)
        }
        wakeups.noteWork(isTold: isTold)
        events.emit(.taskAccepted(task.id, model: task.model, key: task.caller.keyID))
        let accepted = MediaTask(
            row: row, id: task.id, model: task.model, kind: task.kind, category: task.category,
            state: .queued, progress: 0, prompt: task.prompt, parameters: task.parameters,
            remixOf: task.remixOf.map { RemixSource(id: $0.id, model: $0.model) }, createdAt: createdAt)
        return (accepted, allowance)
    }

    private typealias Kept = (row: Int64, createdAt: Timestamp, isTold: Bool, allowance: Allowance?)

    /// Nil when the task of another request has its Idempotency-Key.
    private func keep(
        _ task: inout NewTask, with media: [StoredMedia], _ line: LineLimit
    ) throws(KinoraError) -> Kept? {
        var tries = 0
        while true {
            try putRows(of: media, &task)
            tries += 1
            do throws(KinoraError) { return try keep(task, line) } catch {
                // Either other requests with the same file are deleted, or refused, just then, or the id that
                // was drawn is another task's in the part that all its spellings share.
                guard tries < Self.rowTriesMax, Store.isAssetGone(error) || Store.isIDTaken(error) else {
                    throw error
                }
                task.id = TaskID.random()
            }
        }
    }

    private static let rowTriesMax = 5

    private func putRows(of media: [StoredMedia], _ task: inout NewTask) throws(KinoraError) {
        task.references = []
        for media in media { task.references.append(try store.putAsset(media, owner: task.caller.userID)) }
    }

    /// Whoever has no limit pays for none.
    private func keep(_ task: NewTask, _ line: LineLimit) throws(KinoraError) -> Kept? {
        let exact = exactly(line)
        let isChecked = task.caller.isLimited || exact != nil
        let own = wakeups.turnToTell()
        let kept =
            isChecked
            ? try store.submit(task, within: exact, tellingAllBut: own)
            : try store.submit(task, tellingAllBut: own).map { ($0.row, $0.createdAt, $0.isTold, nil) }
        if kept != nil { longLines.noteAccepted(line) }
        return kept
    }

    /// The Idempotency-Key was used before: the same request gets the same answer, another one is refused.
    /// Nil when it is new.
    private func replay(
        _ idempotency: (key: String, fingerprint: [UInt8]), _ caller: Caller
    ) throws(KinoraError) -> MediaTask? {
        guard let (fingerprint, id) = try store.replay(of: idempotency.key, by: caller) else { return nil }
        guard fingerprint == idempotency.fingerprint else { throw KinoraError(.idempotencyMismatch) }
        guard let first = try store.task(TaskReference(id), of: caller) else {
            throw KinoraError(.taskNotFound, "The task of this Idempotency-Key was deleted.")
        }
        // The answer of the first time, whatever has become of the task since.
        return MediaTask(
            row: first.row, id: first.id, model: first.model, kind: first.kind, category: first.category,
            state: .queued, progress: 0, prompt: first.prompt, parameters: first.parameters,
            remixOf: first.remixOf,
            createdAt: first.createdAt)
    }

    private func answer(
        _ task: MediaTask, _ submission: Submission, _ caller: Caller, _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        let reference = TaskReference(task.id)
        if let form = submission.resultForm {
            let seconds = submission.waitSeconds ?? cache.snapshot.waitSeconds(for: submission.kind)
            return try results(reference, of: caller, waitSeconds: seconds, as: form, patience)
        }
        guard let seconds = submission.waitSeconds else { return .accepted(task) }
        guard patience.mayWait else { return .acceptedWaiting(task, waitSeconds: seconds) }
        if submission.isReported {
            return .report(try report(reference, of: caller, waitSeconds: seconds, patience))
        }
        return .task(try result(reference, of: caller, waitSeconds: seconds, isToldWhy: true, patience))
    }

    private func remixSource(of submission: Submission, _ caller: Caller) throws(KinoraError) -> TaskPoint? {
        guard let reference = submission.remixOf else { return nil }
        guard let source = try store.point(reference, of: caller) else { throw KinoraError(.taskNotFound) }
        guard source.state == .succeeded, source.account != nil else {
            throw KinoraError(.taskNotCompleted, detail: "remix source", state: source.state)
        }
        return source
    }

    private func model(
        for submission: Submission, _ source: TaskPoint?, _ caller: Caller
    ) throws(KinoraError) -> Model {
        func mayUse(_ model: Model) -> Bool {
            caller.options.models?.contains(model.id) ?? true && model.kind == submission.kind.rawValue
                && submission.family ?? model.family == model.family
                && submission.provider ?? model.vendors.first == model.vendors.first
        }
        try checkProvider(of: submission)
        var named = submission.model ?? source?.model
        if named == nil { named = try usualModel(for: submission, where: mayUse) }
        guard let id = named else {
            throw KinoraError(
                .modelNotFound, "There is no model for this that the key may use", field: "model")
        }
        guard let model = cache.snapshot.models[id], mayUse(model) else {
            throw KinoraError.modelNotFound(id)
        }
        guard let source, source.model != id else { return model }
        // Some clients cannot but name a model, and others name the usual one.
        guard let own = cache.snapshot.models[source.model], mayUse(own), own.family == model.family else {
            throw KinoraError(
                .invalidValue, "A remix uses the model of its source, '\(source.model)'.", field: "model")
        }
        return own
    }

    /// The instance's default, or else the first that may be used for this and that somebody can make.
    private func usualModel(
        for submission: Submission, where mayUse: (Model) -> Bool
    ) throws(KinoraError) -> String? {
        let categories = try Self.categories(of: submission)
        let snapshot = cache.snapshot
        let fit = snapshot.models.values.filter { model in
            mayUse(model) && categories.contains { model.rules[$0] != nil }
        }
        let usual = snapshot.defaultModel(of: submission.kind)
        let ids = fit.filter(snapshot.serves).map(\.id)
        return ids.contains(usual) ? usual : ids.min() ?? fit.map(\.id).min()
    }

    private func checkProvider(of submission: Submission) throws(KinoraError) {
        guard let provider = submission.provider else { return }
        let models = cache.snapshot.models.values.filter { $0.kind == submission.kind.rawValue }
        let known = Set(models.compactMap(\.vendors.first)).intersection(cache.snapshot.vendorsServed)
        guard known.contains(provider) else {
            throw KinoraError(
                .invalidValue, "'provider' must be one of: \(known.sorted().joined(separator: ", ")).",
                field: "provider")
        }
    }

    private func check(prompt: String) throws(KinoraError) {
        try prompt.checkLength(max: Limits.promptCharactersMax, field: "prompt")
        guard prompt.contains(where: { !$0.isWhitespace }) else {
            throw KinoraError(.missingParameter, "prompt is required", field: "prompt")
        }
    }

    /// How the model is used: the first way that it knows, and that takes as much media as were given.
    private static func category(
        of submission: Submission, with model: Model
    ) throws(KinoraError) -> Category {
        func takesAll(_ category: Category) -> Bool {
            let rules = model.references(for: category)
            return Dictionary(grouping: submission.references, by: \.expectedFamily).allSatisfy { given in
                rules.contains { $0.family == given.key && $0.count.upperBound >= given.value.count }
            }
        }
        let categories = try categories(of: submission)
        let known = categories.filter { model.rules[$0] != nil }
        return known.first(where: takesAll) ?? known.first ?? categories[0]
    }

    /// The ways in which what is given can be used; never empty.
    private static func categories(of submission: Submission) throws(KinoraError) -> [Category] {
        if let category = submission.category {
            guard category != .v2v || submission.remixOf != nil else {
                throw KinoraError(.invalidValue, "'v2v' is a remix, and no video to be remixed is named.")
            }
            return [category]
        }
        switch (submission.kind, submission.remixOf, submission.references.first) {
        case (.video, .some, let reference?):
            throw KinoraError(.invalidValue, "A remix takes no reference media.", field: reference.field)
        case (.video, .some, nil): return [.v2v]
        case (.video, nil, nil): return [.t2v]
        case (.video, nil, .some): return [.i2v, .ref2v]
        case (.image, .some, _):
            throw KinoraError(.invalidValue, "Pictures are not remixed.", field: "remix_target_id")
        case (.image, nil, nil): return [.t2i]
        case (.image, nil, .some): return [.i2i]
        }
    }

    private static func unsupported(
        _ category: Category, _ submission: Submission, _ model: Model
    ) -> KinoraError {
        let needy = [Category.i2v, .ref2v, .i2i].first { model.rules[$0] != nil }
        if submission.category == nil, submission.references.isEmpty, submission.remixOf == nil, let needy,
            let rule = model.references(for: needy).first(where: { $0.family == .image })
        {
            return missingPicture(max(rule.count.lowerBound, 1), 0, submission, model)
        }
        let what = category == .v2v ? "remixes" : "reference media"
        return KinoraError(
            .invalidValue, "Model '\(model.id)' does not take \(what).", field: "model", value: model.id)
    }

    func idempotency(
        key: String?, _ fingerprint: String
    ) throws(KinoraError) -> (key: String, fingerprint: [UInt8])? {
        guard let key else { return nil }
        guard key.unicodeScalars.count <= Limits.idempotencyKeyCharactersMax,
            let fingerprint = Hex.bytes(fingerprint)
        else {
            throw KinoraError(
                .invalidValue,
                "Idempotency-Key must have at most \(Limits.idempotencyKeyCharactersMax) characters.",
                field: "Idempotency-Key")
        }
        return (key, fingerprint)
    }
}
