import Core
import Dialects

/// An outcome as golden files write it: a JSON object. `outcome` names it; `task` and `tasks` hold tasks with
/// the fields below, everything else has a default; `created_status` and `content_mode` are the key's
/// options; `allowance` is what is left of a limit; `path` is what was asked for.
struct GoldenOutcome {
    let outcome: Outcome
    let options: KeyOptions
    let path: RequestPath?

    struct Malformed: Error { let what: String }

    init(_ text: String) throws {
        let json = try JSONParser.parse(Array(text.utf8))
        var options = KeyOptions()
        if let status = json["created_status"]?.integerValue { options.videoCreatedStatus = Int(status) }
        options.chatFormat = json["chat_format"]?.stringValue.flatMap(KeyOptions.ChatFormat.init) ?? .auto
        self.options = options
        path = try json["path"]?.stringValue.map(RequestPath.init(target:))
        let outcome: Outcome
        switch json["outcome"]?.stringValue {
        case "accepted": outcome = .accepted(try Self.task(json["task"]))
        case "accepted, waiting":
            let seconds = Int(json["wait"]?.integerValue ?? 0)
            outcome = .acceptedWaiting(
                try Self.task(json["task"]), waitSeconds: seconds)
        case "results":
            let made = (json["results"]?.arrayValue ?? []).map(Self.made)
            outcome = .results(try Self.task(json["task"]), made)
        case "told":
            let made = (json["results"]?.arrayValue ?? []).map(Self.made)
            outcome = .told(
                try Self.task(json["task"]), made, family: json["family"]?.stringValue ?? "sora")
        case "telling":
            outcome = .telling(
                try Self.course(json), family: json["family"]?.stringValue ?? "sora",
                wantsUsage: json["usage"]?.boolValue ?? false)
        case "following": outcome = .following(try Self.course(json))
        case "nothing new": outcome = .nothingNew
        case "report": outcome = .report(try Self.report(json["task"]))
        case "reports":
            let reports = try (json["tasks"]?.arrayValue ?? []).map(Self.report)
            outcome = .reports(reports, total: Int(json["total"]?.integerValue ?? 0))
        case "stats":
            outcome = .stats(
                FamilyStats(
                    accounts: 3, activeAccounts: 2, slots: 12, usedSlots: 5, waiting: 1, running: 4,
                    succeeded: 6, failed: 7, averageSeconds: 80))
        case "task": outcome = .task(try Self.task(json["task"]))
        case "tasks":
            let tasks = try (json["tasks"]?.arrayValue ?? []).map(Self.task)
            outcome = .tasks(tasks, hasMore: json["has_more"]?.boolValue ?? false)
        case "content":
            let media = try Self.media(json)
            outcome = .content(media, at: "/_media/\(media.relativePath)")
        case "relayed": outcome = .relayed((json["answer"] ?? .null).serialized())
        case "relaying": outcome = .relaying(Self.stream(json["events"]?.arrayValue ?? []))
        case "link": outcome = .link(json["link"]?.stringValue ?? "")
        case "deleted": outcome = .deleted(try Self.task(json["task"]))
        case "estimate":
            let cost = Amount(micros: json["cost"]?.integerValue ?? 0)
            outcome = .estimate(Estimate(model: "sora-2", cost: cost, quota: Self.quota))
        case "credits":
            let cost = json["cost"]?.integerValue.map { Amount(micros: $0) }
            outcome = .credits(Credits(quota: Self.quota, cost: cost, readAt: Self.created))
        case "quota": outcome = .quota(Self.quota)
        case "redeemed": outcome = .redeemed(Amount(micros: json["added"]?.integerValue ?? 0), Self.quota)
        case "models": outcome = .models((json["models"]?.arrayValue ?? []).map(Self.model))
        case "model": outcome = .model(Self.model(json))
        case "health":
            outcome = .health(Health(isDatabaseUp: json["database"]?.boolValue ?? false, version: "1.2.3"))
        case let word?: outcome = try Self.ofSora2API(word, json)
        case nil: throw Malformed(what: "no outcome")
        }
        self.outcome = Self.allowance(json["allowance"]).map { .limited(outcome, $0) } ?? outcome
    }

    /// What a bridge and its characters give.
    private static func ofSora2API(_ word: String, _ json: JSON) throws -> Outcome {
        switch word {
        case "told character":
            return .toldCameo(
                cameo(json), family: json["family"]?.stringValue ?? "sora",
                isStreamed: json["streamed"]?.boolValue ?? false)
        case "made character": return .madeCameo(cameo(json))
        case "characters": return .cameos((json["characters"]?.arrayValue ?? []).map(cameo))
        case "character": return .cameo(cameo(json))
        case "deleted character": return .deletedCameo(cameo(json))
        case "stats of the caller":
            return .callerStats(
                CallerStats(
                    accounts: 10, activeAccounts: 8, imagesToday: 50, images: 1000, videosToday: 20,
                    videos: 500, failedToday: 2, failed: 50))
        case "bridged": return try bridged(json)
        default: throw Malformed(what: word)
        }
    }

    /// With a `cameo_id` it is made.
    private static func cameo(_ json: JSON) -> Cameo {
        let cameoID = json["cameo_id"]?.stringValue
        return Cameo(
            uid: id, state: cameoID == nil ? .processing : .finalized,
            model: json["model"]?.stringValue ?? CameoDraft.usualModel, cameoID: cameoID,
            characterID: json["character_id"]?.stringValue, username: json["username"]?.stringValue ?? "",
            displayName: json["display_name"]?.stringValue ?? "",
            profileURL: json["profile_url"]?.stringValue,
            instructionSet: json["instruction_set"]?.stringValue ?? "", safetyInstructionSet: "",
            createdAt: created, updatedAt: finished)
    }

    /// What the `request` asks, and its answer by the name of its kind.
    private static func bridged(_ json: JSON) throws -> Outcome {
        let dialect = Sora2API()
        let request = try GoldenRequest(json["request"]?.stringValue ?? "").request()
        let router = Router([dialect], fallback: dialect)
        let (_, match) = try router.route(request.head.method, request.path)
        guard case .ask(let question, let account) = try dialect.decode(request, for: match) else {
            throw Malformed(what: "no question")
        }
        return .bridged(question, try answer(json), account: account)
    }

    private static func answer(_ json: JSON) throws -> BridgeAnswer {
        if let profile = json["profile"]?.objectValue { return .profile(profile) }
        if let items = json["items"]?.arrayValue { return .page(items, cursor: json["cursor"]?.stringValue) }
        if let people = json["people"]?.arrayValue { return .people(people) }
        if let prompt = json["prompt"]?.stringValue { return .prompt(prompt) }
        if let tasks = json["tasks"]?.arrayValue { return .tasks(tasks) }
        if let task = json["task"]?.objectValue { return .task(task) }
        guard let invite = json["invite"] else { throw Malformed(what: "no answer") }
        return .invite(
            invite["code"]?.stringValue.map { code in
                Invite(code: code, remaining: 5, total: 10, email: invite["email"]?.stringValue)
            })
    }

    /// `news` are tasks; `silence`; what ends the stream too early; and the end: the results, or the task.
    private static func course(_ json: JSON) throws -> TaskCourse {
        var news: [Result<TaskCourse.News, KinoraError>] = []
        for item in json["news"]?.arrayValue ?? [] {
            if item == "silence" {
                news.append(.success(.silence))
            } else if let code = item.stringValue.flatMap(ErrorCode.init(rawValue:)) {
                news.append(.failure(KinoraError(code)))
            } else if let results = item.arrayValue {
                let links = results.compactMap { $0["link"]?.stringValue }
                news.append(.success(.ended(TaskReport(try task(json["task"]), links: links))))
            } else {
                let report = try report(item)
                let going: TaskCourse.News = news.isEmpty ? .begun(report.task) : .changed(report.task)
                news.append(.success(report.task.state.isFinal ? .ended(report) : going))
            }
        }
        let left = Guarded(news)
        return TaskCourse(of: try task(json["task"])) { () throws(KinoraError) in
            let next = left.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            return try next?.get()
        }
    }

    /// A task that has succeeded has made something.
    private static func report(_ json: JSON?) throws -> TaskReport {
        let task = try task(json)
        let count = task.state == .succeeded ? Int(json?["made"]?.integerValue ?? 1) : 0
        return TaskReport(
            task, links: (0..<count).map { "/media/\($0)123.mp4?expires=1&signature=ab" })
    }

    /// Each text is what comes at once.
    private static func stream(_ pieces: [JSON]) -> BodyStream {
        let rest = Guarded(pieces.compactMap { $0.stringValue.map { Array($0.utf8) } }[...])
        return BodyStream(next: { rest.withLock { $0.popFirst() } }, abandon: {})
    }

    /// A `link`, or the `file` whose bytes are so many.
    private static func made(_ json: JSON) -> MadeMedia {
        let body: MadeMedia.Body =
            json["link"]?.stringValue.map { .link($0) }
            ?? .file(File(path: "/file", bytes: json["file"]?.integerValue ?? 0))
        return MadeMedia(body, revisedPrompt: json["revised_prompt"]?.stringValue)
    }

    private final class File: LocalFile {
        let path: String
        let bytes: Int64

        init(path: String, bytes: Int64) {
            self.path = path
            self.bytes = bytes
        }
    }

    /// `[limit, remaining, reset in milliseconds]`
    private static func allowance(_ json: JSON?) -> Allowance? {
        let numbers = json?.arrayValue?.compactMap(\.integerValue) ?? []
        guard numbers.count == 3 else { return nil }
        return Allowance(
            requestsMax: Int(numbers[0]), remaining: Int(numbers[1]), resetSeconds: Double(numbers[2]) / 1000)
    }

    static let created = Timestamp(microseconds: 1_767_000_000_900_000)
    static let started = Timestamp(microseconds: 1_767_000_002_000_000)
    static let finished = Timestamp(microseconds: 1_767_000_042_100_000)
    static let id = TaskID(uuid: "abc123de-f456-4789-8abc-def012345678")!
    static let sourceID = TaskID(uuid: "00112233-4455-4677-8899-aabbccddeeff")!

    static func task(_ json: JSON?) throws -> MediaTask {
        let word = json?["state"]?.stringValue ?? "queued"
        guard let json, let state = TaskState(rawValue: word) else {
            throw Malformed(what: "task in \(word)")
        }
        let parameters = json["parameters"]?.objectValue ?? ["seconds": 15, "size": "1280x720"]
        let source = json["remix_of"]?.stringValue.map { RemixSource(id: sourceID, model: $0) }
        let failure = json["failure"].map {
            TaskFailure(code: $0["code"]?.stringValue ?? "", message: $0["message"]?.stringValue ?? "")
        }
        return MediaTask(
            row: 4711, id: id, model: json["model"]?.stringValue ?? "sora-2",
            kind: json["kind"]?.stringValue == "image" ? .image : .video,
            category: json["category"]?.stringValue.flatMap(Category.init(rawValue:)) ?? .t2v, state: state,
            phase: json["phase"]?.stringValue.flatMap(TaskPhase.init(rawValue:)),
            progress: Int(json["progress"]?.integerValue ?? 0),
            prompt: json["prompt"]?.stringValue ?? "A cat", parameters: parameters, remixOf: source,
            failure: failure, price: Amount(micros: json["price"]?.integerValue ?? 0),
            createdAt: created, startedAt: state == .queued ? nil : started,
            finishedAt: state.isFinal ? finished : nil)
    }

    private static let quota = Quota(
        available: Amount(micros: 7_000_000), held: Amount(micros: 2_500_000), used: Amount(micros: 500_000))

    private static func media(_ json: JSON) throws -> StoredMedia {
        guard let type = json["type"]?.stringValue.flatMap(MediaType.init(rawValue:)) else {
            throw Malformed(what: "media type")
        }
        return StoredMedia(sha256: String(repeating: "0123abcd", count: 8), bytes: 1234, type: type)
    }

    private static func model(_ json: JSON) -> Model {
        Model(
            id: json["id"]?.stringValue ?? "sora-2", kind: "video",
            family: json["family"]?.stringValue ?? "sora",
            title: json["title"]?.stringValue ?? "Video generation", createdAt: created,
            rules: Dictionary(
                (json["categories"]?.arrayValue ?? []).compactMap {
                    $0.stringValue.flatMap(Category.init(rawValue:))
                }.map { ($0, []) }
            ) { $1 },
            vendors: ["openai"])
    }
}
