public import Core

/// A task in the hands of this worker, with all it takes to act on it. `claim` is the fence: every write
/// names it.
public struct ClaimedTask: Sendable {
    public let row: Int64
    public let claim: Int64
    public let id: TaskID
    public let userID: Int64
    public let model: String
    public let kind: MediaKind
    public let category: Category
    public private(set) var state: TaskState
    public private(set) var phase: TaskPhase?
    public private(set) var progress: Int
    /// Prompt, references and all parameters but `n` are there while the task is being submitted: tasks wait
    /// long, and many at once.
    public private(set) var prompt: String
    public private(set) var parameters: Parameters
    public let attempt: Int
    /// On how many accounts it was tried, this one included; where one was merely full, or has not opened the
    /// model, does not count.
    public private(set) var accountsTried = 1
    public let vendorModel: String
    /// The vendor's id of the task; nil until it accepted it.
    public private(set) var vendorTask: String?
    /// While another part of the task is being submitted: the vendor's id before that.
    public private(set) var vendorTaskBefore: String?
    /// When it was claimed, or shortly after.
    public let claimedAt: ContinuousClock.Instant
    /// Time since the attempt began, and time left until the deadline, when it was claimed.
    private let runningThen: Duration
    private let remainingThen: Duration
    /// Until then no other worker looks, as long as this one is alive.
    public private(set) var leaseEnd: ContinuousClock.Instant
    /// How long such a task usually takes; nil while that is unknown.
    public let usual: Duration?
    public private(set) var account: ClaimedAccount
    public private(set) var references: [StoredMedia] = []
    /// The vendor's id of the remixed task.
    public private(set) var remixOfVendorTask: String?
    public let route: Int64
    /// The number of the worker that claimed it, under which that lives or has lived; 0: none.
    public let worker: Int64

    public var attemptPoint: AttemptPoint { AttemptPoint(number: attempt, account: account.row) }

    /// Time since the attempt began.
    public var running: Duration { runningThen + claimedAt.duration(to: .now) }

    /// Time left until the deadline; negative when it has passed.
    public var remaining: Duration { remainingThen - claimedAt.duration(to: .now) }

    /// As it is once its vendor has accepted it.
    public func accepted(as vendorTask: String) -> ClaimedTask {
        var task = self
        task.vendorTask = vendorTask
        task.vendorTaskBefore = nil
        task.phase = .waiting
        task.prompt = ""
        task.parameters = JSONObject(parameters.members.filter { $0.name == "n" })
        task.references = []
        return task
    }

    /// As it is while another part of it is being submitted.
    public func asking(as vendorTask: String, with input: TaskInput) -> ClaimedTask {
        var task = self
        task.vendorTaskBefore = self.vendorTask
        task.vendorTask = vendorTask
        task.prompt = input.prompt
        task.parameters = input.parameters
        task.references = input.references
        return task
    }

    /// As it is after a look that did not end it.
    public func resting(in phase: TaskPhase, _ progress: Int?) -> ClaimedTask {
        var task = self
        if state == .running { task.phase = phase }
        task.progress = max(task.progress, progress ?? 0)
        return task
    }

    public func storing() -> ClaimedTask {
        var task = self
        task.state = .storing
        task.phase = nil
        task.progress = max(progress, 99)
        return task
    }

    public func on(_ account: ClaimedAccount) -> ClaimedTask {
        var task = self
        task.account = account
        return task
    }

    public mutating func renewLease() { leaseEnd = .now + Store.lease }
}

/// What a vendor is to make.
public struct TaskInput: Sendable {
    let prompt: String
    let parameters: Parameters
    let references: [StoredMedia]

    /// Three columns: prompt, parameters, references.
    init(_ row: Row) throws(KinoraError) {
        prompt = row.text(0)
        parameters = try row.json(1).objectValue ?? [:]
        references = try ClaimedTask.references(try row.json(2))
    }
}

/// The account an attempt belongs to. Polls, downloads and remixes use it and no other.
public struct ClaimedAccount: Sendable {
    public let row: Int64
    public let vendor: String
    public let baseURL: String
    public let region: String
    public let proxyURL: String?
    public let sealedCredential: [UInt8]

    /// Six columns: id, vendor, base_url, region, proxy_url, credential_sealed.
    init(_ columns: Row, from first: Int) {
        row = columns.integer(first)
        vendor = columns.text(first + 1)
        baseURL = columns.text(first + 2)
        region = columns.text(first + 3)
        proxyURL = columns.optionalText(first + 4)
        sealedCredential = columns.bytes(first + 5)
    }
}

extension ClaimedTask {
    private static let references = """
        SELECT jsonb_agg(
                (SELECT jsonb_build_array(encode(f.sha256, 'hex'), f.bytes, f.media_type)
                    FROM asset f WHERE f.id = ta.asset_id) ORDER BY ta.position)
            FROM task_asset ta WHERE ta.task_id = task.id AND ta.role = 'reference'
        """

    /// The columns of a `TaskInput`, of the tables `task` and `task_input i`.
    static let input = "i.prompt, i.parameters, (\(references))"

    /// Of what `references` gives.
    static func references(_ json: JSON) throws(KinoraError) -> [StoredMedia] {
        var references: [StoredMedia] = []
        for item in json.arrayValue ?? [] {
            guard let parts = item.arrayValue, parts.count == 3, let sha256 = parts[0].stringValue,
                let bytes = parts[1].integerValue,
                let type = parts[2].stringValue.flatMap(MediaType.init(rawValue:))
            else { throw KinoraError(.internalFault, detail: "a task has an odd reference") }
            references.append(StoredMedia(sha256: sha256, bytes: bytes, type: type))
        }
        return references
    }

    /// The columns all claims return, in the decoder's order.
    static let columns = """
        task.id, task.claim, i.uid, task.user_id, task.model_id, task.kind, task.category, task.state,
        task.phase,
        task.progress, CASE WHEN p.vendor_task_id IS NULL THEN i.prompt ELSE '' END,
        CASE WHEN p.vendor_task_id IS NULL THEN i.parameters
            WHEN i.parameters ? 'n' THEN jsonb_build_object('n', i.parameters -> 'n') ELSE '{}' END,
        task.attempt, p.vendor_model, p.vendor_task_id,
        extract(epoch FROM now() - p.started_at)::float8,
        extract(epoch FROM task.deadline_at - now())::float8,
        rt.usual_seconds::float8, ac.id, ac.vendor, ac.base_url, ac.region, ac.proxy_url,
        ac.credential_sealed, coalesce(p.route_id, 0), coalesce(task.worker_id, 0)
        """

    /// How many they are.
    static let columnsCount = 26

    /// Whether it may have what `more` tells. Few have, and a claim that looked for it would take longer for
    /// all.
    var mayHaveMore: Bool { attempt > 1 || vendorTask == nil && !category.isFromText }

    /// The row, what came with the submission, and what came of it before: of the tables `task`,
    /// `task_input i` and `attempt p`. Assets are looked up one by one and not joined: for a join, an index
    /// by asset looks as good as the one by task where both were empty when the plan was made, and then leads
    /// through all of it.
    static let more = """
        task.id, (\(references) AND p.vendor_task_id IS NULL),
        (SELECT sa.vendor_task_id FROM task s JOIN attempt sa ON sa.task_id = s.id AND sa.number = s.attempt
            WHERE s.id = i.remix_of_id),
        (SELECT count(DISTINCT f.account_id) FROM attempt f
            WHERE f.task_id = task.id AND f.account_id <> p.account_id
                AND f.error_code NOT IN
                    ('upstream_rate', 'upstream_concurrency', 'upstream_model_closed'))
        """

    /// With what a row of `more` tells.
    func with(more row: Row) throws(KinoraError) -> ClaimedTask {
        var task = self
        task.references = try Self.references(try row.json(1))
        task.remixOfVendorTask = row.optionalText(2)
        task.accountsTried = Int(row.integer(3)) + 1
        return task
    }

    static func decode(_ row: Row) throws(KinoraError) -> ClaimedTask {
        guard let kind = MediaKind(rawValue: row.text(5)), let category = Category(rawValue: row.text(6)),
            let state = TaskState(rawValue: row.text(7))
        else { throw KinoraError(.internalFault, detail: "task \(row.integer(0)) has unknown words") }
        return ClaimedTask(
            row: row.integer(0), claim: row.integer(1), id: row.uid(2), userID: row.integer(3),
            model: row.text(4),
            kind: kind, category: category, state: state,
            phase: row.optionalText(8).flatMap(TaskPhase.init(rawValue:)), progress: Int(row.integer(9)),
            prompt: row.text(10), parameters: try row.json(11).objectValue ?? [:],
            attempt: Int(row.integer(12)),
            vendorModel: row.text(13), vendorTask: row.optionalText(14), claimedAt: .now,
            runningThen: .seconds(row.real(15)), remainingThen: .seconds(row.real(16)),
            leaseEnd: .now + Store.lease, usual: row.optionalReal(17).map { .seconds($0) },
            account: ClaimedAccount(row, from: 18), route: row.integer(24), worker: row.integer(25))
    }
}
