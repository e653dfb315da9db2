import Core
import Glibc
import Store
import Synchronization

/// Media that clients give with a request: checked by their content, and kept before the task is.
extension Gateway {
    /// What can be told before any bytes are at hand.
    static func count(
        _ submission: Submission, by rules: [ReferenceRule], _ model: Model
    ) throws(KinoraError) {
        let references = submission.references
        for reference in references where !rules.contains(where: { $0.family == reference.expectedFamily }) {
            throw unfit(reference, rules, model)
        }
        for rule in rules {
            let given = references.filter { $0.expectedFamily == rule.family }
            if given.count > rule.count.upperBound {
                let most = rule.count.upperBound
                let what = "\(most) \(noun(rule.family, most))"
                throw KinoraError(
                    .invalidValue, "Model '\(model.id)' takes at most \(what), not \(given.count).",
                    field: given[most].field)
            }
            if given.count < rule.count.lowerBound {
                let least = rule.count.lowerBound
                guard rule.family != .image else {
                    throw missingPicture(least, given.count, submission, model)
                }
                throw KinoraError(
                    .invalidValue, needs(least, rule.family, model), field: references.first?.field)
            }
        }
    }

    private static func needs(_ least: Int, _ family: MediaType.Family, _ model: Model) -> String {
        "Model '\(model.id)' needs at least \(least) \(noun(family, least)) with this."
    }

    /// Names the field that the client's API has for the picture at that place.
    static func missingPicture(
        _ least: Int, _ place: Int, _ submission: Submission, _ model: Model
    ) -> KinoraError {
        let fields = submission.pictureFields
        return KinoraError(
            .missingParameter, needs(least, .image, model), field: fields[min(place, fields.count - 1)])
    }

    private static func noun(_ family: MediaType.Family, _ count: Int) -> String {
        "reference \(family.rawValue)\(count == 1 ? "" : "s")"
    }

    private static func unfit(_ reference: Reference, _ rules: [ReferenceRule], _ model: Model) -> KinoraError
    {
        // Bytes that are no media at all are wrong whatever the model takes.
        if reference.family == nil, let rule = rules.first { return wrongType(reference, rule) }
        return KinoraError(
            .invalidValue, "Model '\(model.id)' takes no \(noun(reference.expectedFamily, 2)).",
            field: reference.field)
    }

    private static func wrongType(_ reference: Reference, _ rule: ReferenceRule) -> KinoraError {
        KinoraError(
            .invalidValue, "'\(reference.field)' must be \(rule.typeNames).", field: reference.field)
    }

    /// The media of a submission, checked and in the store.
    func keepReferences(
        of submission: Submission, for task: NewTask, _ model: Model, _ line: LineLimit,
        _ patience: Patience
    ) throws(KinoraError) -> [StoredMedia] {
        guard !submission.references.isEmpty else { return [] }
        // What is going to be refused must not fill the media store first.
        if task.caller.isLimited || exactly(line) != nil {
            try store.admit(task.caller, within: exactly(line))
        }
        if task.price.micros > 0 { try store.requireQuota(task.price, of: task.caller) }
        let checked = try checkedFiles(of: submission, for: task, model)
        defer { for file in checked where file.isOurs { unlink(file.path) } }
        let media = checked.map(\.media)
        do throws(KinoraError) {
            for file in checked {
                try uploading(patience) { () throws(KinoraError) in
                    try self.media.keep(file.path, as: file.media)
                }
            }
        } catch {
            forget(media, rows: [])
            throw error
        }
        return media
    }

    /// All of them before any is kept: with one that is refused all are.
    private func checkedFiles(
        of submission: Submission, for task: NewTask, _ model: Model
    ) throws(KinoraError) -> [ReferenceFile] {
        var secondsLeft: [MediaType.Family: Double] = [:]
        let rules = model.references(for: task.category)
        for rule in rules { secondsLeft[rule.family] = rule.secondsTotalMax }
        var files: [ReferenceFile] = []
        do throws(KinoraError) {
            for reference in submission.references {
                guard let rule = rules.first(where: { $0.family == reference.expectedFamily }) else {
                    throw Self.unfit(reference, rules, model)
                }
                let file = try file(of: reference, rule, for: task.caller)
                files.append(file)
                try checkLength(of: file.path, file.media.type, reference, rule, &secondsLeft[rule.family])
            }
        } catch {
            for file in files where file.isOurs { unlink(file.path) }
            throw error
        }
        return files
    }

    /// What was kept for a task that is refused after all. Unless another task has it, it goes.
    func forget(_ media: [StoredMedia], rows: [Int64]) {
        do throws(KinoraError) { try store.forget(media, rows: rows) } catch {
            events.emit(.fault("references of a refused task", error))
        }
    }

    /// `isOurs` when the file is to be removed here.
    typealias ReferenceFile = (path: String, media: StoredMedia, isOurs: Bool)

    /// The bytes as a file.
    func file(
        of reference: Reference, _ rule: ReferenceRule, for caller: Caller
    ) throws(KinoraError) -> ReferenceFile {
        func checked(_ type: MediaType?, _ bytes: Int) throws(KinoraError) -> MediaType {
            guard let type, rule.types.contains(type) else { throw Self.wrongType(reference, rule) }
            guard bytes <= rule.bytesMax else {
                throw KinoraError.tooLarge(reference.field, rule.bytesMax)
            }
            return type
        }
        switch reference.source {
        case .uploaded(let file):
            let type = try checked(file.mediaType, file.bytes)
            let media = StoredMedia(sha256: file.sha256, bytes: Int64(file.bytes), type: type)
            return (file.path, media, false)
        case .bytes(let bytes):
            let type = try checked(MediaType(sniffing: bytes), bytes.count)
            let (path, media) = try self.media.spool.write(bytes, type: type)
            return (path, media, true)
        case .url(let url):
            let path = try fetch.file(
                from: url, for: caller.userID, field: reference.field, bytesMax: rule.bytesMax)
            do throws(KinoraError) {
                let facts = try media.spool.examine(path)
                let type = try checked(facts.type, Int(facts.bytes))
                return (path, StoredMedia(sha256: facts.sha256, bytes: facts.bytes, type: type), true)
            } catch {
                unlink(path)
                throw error
            }
        }
    }

    private func checkLength(
        of path: String, _ type: MediaType, _ reference: Reference, _ rule: ReferenceRule,
        _ secondsLeft: inout Double?
    ) throws(KinoraError) {
        guard rule.family != .image, rule.seconds != nil || rule.secondsTotalMax != nil else { return }
        guard let seconds = try length.seconds(of: path, type) else {
            throw Self.wrongType(reference, rule)
        }
        let own = max(seconds - MediaLength.padding(of: type), 0)
        if let range = rule.seconds, seconds < range.lowerBound || own > range.upperBound {
            let (least, most) = (Self.text(range.lowerBound), Self.text(range.upperBound))
            throw KinoraError(
                .invalidValue,
                "'\(reference.field)' is \(Self.text(seconds)) s long; it must be \(least) to \(most) s.",
                field: reference.field)
        }
        guard let left = secondsLeft, let most = rule.secondsTotalMax else { return }
        guard own <= left else {
            throw KinoraError(
                .invalidValue,
                "All \(rule.family.rawValue) together must be at most \(Self.text(most)) s long.",
                field: reference.field)
        }
        secondsLeft = left - own
    }

    /// Seconds with as many decimals as they need, two at most: 15, 1.9, 15.06.
    private static func text(_ seconds: Double) -> String {
        let hundredths = Int((seconds * 100).rounded())
        guard hundredths % 100 != 0 else { return String(hundredths / 100) }
        let decimals =
            hundredths % 10 == 0 ? "\(hundredths / 10 % 10)" : String(hundredths % 100 + 100).dropFirst()
        return "\(hundredths / 100).\(decimals)"
    }

    /// A bucket that hangs holds up only so many threads for short calls: others are refused meanwhile.
    private func uploading(
        _ patience: Patience, _ body: () throws(KinoraError) -> Void
    ) throws(KinoraError) {
        guard media.isRemote, !patience.mayWait else { return try body() }
        defer { fastUploads.subtract(1, ordering: .relaxed) }
        guard fastUploads.add(1, ordering: .relaxed).newValue <= Limits.fastUploadsMax else {
            throw KinoraError(
                .storageFailed, retryAfterSeconds: 1, detail: "too many references are on their way")
        }
        try body()
    }
}
