public import Core

extension Statement {
    static let tasks = [
        Store.ping, Store.taskSubmit, Store.taskSubmitOnce, Store.idempotencyFind, Store.taskFind,
        Store.taskPageDown,
        Store.taskPageUp, Store.taskResults, Store.taskDelete, Store.taskPoint, Store.taskStandings,
        Store.assetPut,
        Store.assetUnused,
        Store.assetLock,
    ]
}

/// A task ready to be accepted.
public struct NewTask: Sendable {
    public var id: TaskID
    public var caller: Caller
    public var dialect: String
    public var model: String
    public var kind: MediaKind
    public var category: Category
    public var prompt: String
    public var parameters: Parameters
    public var remixOf: TaskPoint?
    public var userIdentifier: String?
    /// Asset rows of the references, in order.
    public var references: [Int64]
    /// What its user pays if it succeeds; held from the acceptance on.
    public var price: Amount
    /// What of the price each picture is: one that does not come is not paid.
    public var piece = Amount(micros: 0)
    /// Whether it is put off follows from its parameters.
    public var priority: TaskPriority { parameters.isOffPeak ? .offPeak : .ordinary }
    public var idempotency: (key: String, fingerprint: [UInt8])?

    public init(
        id: TaskID, caller: Caller, dialect: String, model: String, kind: MediaKind, category: Category,
        prompt: String, parameters: Parameters, remixOf: TaskPoint?, userIdentifier: String?,
        references: [Int64], price: Amount, idempotency: (key: String, fingerprint: [UInt8])?
    ) {
        self.id = id
        self.caller = caller
        self.dialect = dialect
        self.model = model
        self.kind = kind
        self.category = category
        self.prompt = prompt
        self.parameters = parameters
        self.remixOf = remixOf
        self.userIdentifier = userIdentifier
        self.references = references
        self.price = price
        self.idempotency = idempotency
    }
}

/// What a remix must know of its source.
public struct TaskPoint: Sendable {
    public let row: Int64
    public let id: TaskID
    public let model: String
    public let state: TaskState
    public let parameters: Parameters
    /// The account the source ran on; its remix can run nowhere else.
    public let account: Int64?
}

/// A task as one caller may see it.
struct TaskKey: Sendable {
    let short: String
    let user: Int64
}

extension Store {
    // One statement and so one round trip and one commit: the whole submit. A trigger holds the price. A
    // worker that rests is told by the same commit, where $17 is a worker's number: another transaction for
    // that would come a while later.
    // References in the order in which a deletion locks them: else each could wait for the other.
    static let submitDetails = """
        i AS (INSERT INTO task_input (task_id, uid, dialect, prompt, parameters, remix_of_id, user_identifier)
            SELECT id, $1::uuid, $7, $8, $9::jsonb, $10::bigint, $11 FROM t),
        r AS (INSERT INTO task_asset (task_id, role, position, asset_id)
            SELECT t.id, 'reference', n - 1, a FROM t, unnest($13::bigint[]) WITH ORDINALITY AS u (a, n)
            ORDER BY a)
        """

    static let taskSubmit = Statement(
        "task_submit",
        """
        WITH t AS (INSERT INTO task (user_id, key_id, model_id, kind, category, pinned_account_id,
                price_micros, priority, piece_micros)
            VALUES ($2, $3, $4, $5, $6, $12, $14, $15, $16) RETURNING id, created_at),
        \(submitDetails)
        SELECT id, created_at, \(told) FROM t
        """)

    static let told = """
        (SELECT pg_notify('\(Listener.workChannel)', '') IS NOT NULL
            FROM worker WHERE $17::bigint IS NOT NULL AND \(rests) AND id <> $17 LIMIT 1)
        """

    // A second request with the same key waits here for the first one's commit, then inserts nothing.
    static let taskSubmitOnce = Statement(
        "task_submit_once",
        """
        WITH once AS (INSERT INTO idempotency (user_id, key, request_hash, task_id)
            VALUES ($2, $18, $19, nextval('kinora.task_id_seq')) ON CONFLICT DO NOTHING RETURNING task_id),
        t AS (INSERT INTO task (id, user_id, key_id, model_id, kind, category, pinned_account_id,
                price_micros, priority, piece_micros)
            OVERRIDING SYSTEM VALUE
            SELECT task_id, $2, $3::bigint, $4, $5, $6, $12::bigint, $14::bigint, $15::smallint,
                $16::bigint
            FROM once RETURNING id, created_at),
        \(submitDetails)
        SELECT id, created_at, \(told) FROM t
        """)

    static let idempotencyFind = Statement(
        "idempotency_find",
        """
        SELECT d.request_hash, i.uid FROM idempotency d JOIN task_input i ON i.task_id = d.task_id
        WHERE d.user_id = $1 AND d.key = $2
        """
    )

    static let taskColumns = """
        t.id, i.uid, t.model_id, t.kind, t.state, t.phase, t.progress, i.prompt, i.parameters,
        si.uid, s.model_id, t.error_code, t.error_message, t.created_at, t.finished_at,
        coalesce(t.captured_micros, t.price_micros), t.started_at, t.category
        """
    static let taskTables = """
        task t JOIN task_input i ON i.task_id = t.id \(remixSource)
        """
    static let remixSource = """
        LEFT JOIN task s ON s.id = i.remix_of_id LEFT JOIN task_input si ON si.task_id = i.remix_of_id
        """

    /// What all spellings of the id of a task share, whose row in task_input is `i`, as the index
    /// `task_input_uid` has it.
    static let shortID = #""left"(replace(i.uid::text, '-', ''), 12) COLLATE "C""#

    // Several at once: see `BatchLoader`.
    static let taskFind = Statement(
        "task_find",
        """
        SELECT \(taskColumns), k.position
        FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (short, user_id, position)
            JOIN task_input i ON \(shortID) = k.short
            JOIN task t ON t.id = i.task_id AND t.user_id = k.user_id AND t.deleted_at IS NULL
            \(remixSource)
        """)

    static let taskPageDown = Statement(
        "task_page_down",
        """
        SELECT \(taskColumns) FROM \(taskTables)
        WHERE t.user_id = $1 AND t.kind = $2 AND t.deleted_at IS NULL
            AND t.id < coalesce($3, 9223372036854775807)
        ORDER BY t.id DESC LIMIT $4
        """)

    static let taskPageUp = Statement(
        "task_page_up",
        """
        SELECT \(taskColumns) FROM \(taskTables)
        WHERE t.user_id = $1 AND t.kind = $2 AND t.deleted_at IS NULL AND t.id > coalesce($3, 0)
        ORDER BY t.id LIMIT $4
        """)

    static let taskResults = Statement(
        "task_results",
        """
        SELECT encode(a.sha256, 'hex'), a.bytes, a.media_type, ta.revised_prompt
        FROM task_asset ta JOIN asset a ON a.id = ta.asset_id
        WHERE ta.task_id = $1 AND ta.role = 'result' ORDER BY ta.position
        """)

    // A task that still runs is not deleted: zero rows. Its vendors are told by a worker, later.
    static let taskDelete = Statement(
        "task_delete",
        """
        WITH t AS (UPDATE task SET deleted_at = now()
            WHERE id = $1 AND user_id = $2 AND finished_at IS NOT NULL AND deleted_at IS NULL RETURNING id),
            told AS (INSERT INTO removal (attempt_id) SELECT p.id FROM attempt p JOIN t ON p.task_id = t.id
                WHERE p.vendor_task_id IS NOT NULL)
        DELETE FROM task_asset ta USING t WHERE ta.task_id = t.id RETURNING ta.asset_id
        """)

    // Bytes that no task names any more. They are to be removed from the media store in a minute, if no
    // other owner has them then: the same bytes may just be arriving again.
    static let assetUnused = Statement(
        "asset_unused",
        """
        WITH gone AS (DELETE FROM asset a WHERE a.id = ANY ($1::bigint[])
            AND NOT EXISTS (SELECT FROM task_asset ta WHERE ta.asset_id = a.id)
            RETURNING a.sha256, a.media_type)
        INSERT INTO media_removal (sha256, media_type) SELECT DISTINCT ON (sha256) sha256, media_type
        FROM gone ORDER BY sha256
        ON CONFLICT (sha256) DO UPDATE SET tries = 0, due_at = excluded.due_at
        """)

    // A submit that names one of them just now is waited for: the next statement sees it.
    static let assetLock = Statement(
        "asset_lock", "SELECT FROM asset WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE")

    static let taskPoint = Statement(
        "task_point",
        """
        SELECT t.id, i.uid, t.model_id, t.state, i.parameters, a.account_id
        FROM task t JOIN task_input i ON i.task_id = t.id
        LEFT JOIN attempt a ON a.task_id = t.id AND a.number = t.attempt
        WHERE \(shortID) = $1 AND t.user_id = $2 AND t.deleted_at IS NULL
        """)

    static let taskStandings = Statement(
        "task_standings", "SELECT id, state, progress, phase FROM task WHERE id = ANY ($1::bigint[])")

    static let assetPut = Statement(
        "asset_put",
        """
        INSERT INTO asset (user_id, sha256, bytes, media_type) VALUES ($1, decode($2, 'hex'), $3, $4)
        ON CONFLICT (sha256, user_id) DO UPDATE SET media_type = excluded.media_type RETURNING id
        """)

    /// `c` is the first of the columns.
    static func task(_ row: Row, from c: Int = 0) throws(KinoraError) -> MediaTask {
        let remix = row.optionalUID(c + 9).map { RemixSource(id: $0, model: row.text(c + 10)) }
        let failure = row.optionalText(c + 11).map { TaskFailure(code: $0, message: row.text(c + 12)) }
        guard let kind = MediaKind(rawValue: row.text(c + 3)),
            let state = TaskState(rawValue: row.text(c + 4)),
            let category = Category(rawValue: row.text(c + 17))
        else { throw KinoraError(.internalFault, detail: "task \(row.integer(c)) has unknown words") }
        return MediaTask(
            row: row.integer(c), id: row.uid(c + 1), model: row.text(c + 2), kind: kind,
            category: category, state: state,
            phase: row.optionalText(c + 5).flatMap(TaskPhase.init(rawValue:)),
            progress: Int(row.integer(c + 6)),
            prompt: row.text(c + 7), parameters: try row.json(c + 8).objectValue ?? [:], remixOf: remix,
            failure: failure, price: Amount(micros: row.integer(c + 15)), createdAt: row.timestamp(c + 13),
            startedAt: row.optionalTimestamp(c + 16), finishedAt: row.optionalTimestamp(c + 14))
    }

    /// The tasks of some callers, each in its key's place.
    static func tasks(
        _ keys: [TaskKey], in connection: Connection
    ) throws(KinoraError) -> [Result<MediaTask?, KinoraError>] {
        var found = [Result<MediaTask?, KinoraError>](repeating: .success(nil), count: keys.count)
        let rows = try connection.run(taskFind, [.texts(keys.map(\.short)), .integers(keys.map(\.user))])
        rows.forEach { row in
            found[Int(row.integer(18)) - 1] = Result { () throws(KinoraError) in try task(row) }
        }
        return found
    }

    /// Accepts a task: one durable commit. Nil when its Idempotency-Key was used before: see `replay`. Throws
    /// `insufficientQuota`: then nothing was kept. A worker that rests is told by the commit unless it is the
    /// one in `tellingAllBut`; nobody is where that is nil. `isTold`: there was one.
    public func submit(
        _ task: NewTask, tellingAllBut own: Int64? = nil
    ) throws(KinoraError) -> (row: Int64, createdAt: Timestamp, isTold: Bool)? {
        let statement = task.idempotency == nil ? Self.taskSubmit : Self.taskSubmitOnce
        return try first(statement, Self.values(of: task, own)) {
            ($0.integer(0), $0.timestamp(1), $0.bool(2))
        }
    }

    static func values(of task: NewTask, _ own: Int64?) -> [Value] {
        var values: [Value] = [
            .uid(task.id), .integer(task.caller.userID), .integer(task.caller.keyID), .text(task.model),
            .text(task.kind.rawValue), .text(task.category.rawValue), .text(task.dialect), .text(task.prompt),
            .json(.object(task.parameters)), .optional(task.remixOf?.row), .optional(task.userIdentifier),
            .optional(task.remixOf?.account), .integers(task.references), .integer(task.price.micros),
            .integer(task.priority.rawValue), .integer(task.piece.micros), .optional(own),
        ]
        if let idempotency = task.idempotency {
            values += [.text(idempotency.key), .bytes(idempotency.fingerprint)]
        }
        return values
    }

    /// What an Idempotency-Key was used for before: the request's fingerprint and the task.
    public func replay(
        of key: String, by caller: Caller
    ) throws(KinoraError) -> (fingerprint: [UInt8], id: TaskID)? {
        try first(Self.idempotencyFind, [.integer(caller.userID), .text(key)]) { ($0.bytes(0), $0.uid(1)) }
    }

    /// The caller's task; nil when it is unknown, deleted or somebody else's.
    public func task(_ reference: TaskReference, of caller: Caller) throws(KinoraError) -> MediaTask? {
        try taskLoader.value(of: TaskKey(short: reference.short, user: caller.userID))
    }

    /// At most `page.limit + 1` tasks: the one too many says that there are more.
    public func tasks(
        _ page: TaskPage, after row: Int64?, of caller: Caller
    ) throws(KinoraError) -> [MediaTask] {
        try rows(
            page.order == .desc ? Self.taskPageDown : Self.taskPageUp,
            [
                .integer(caller.userID), .text(page.kind.rawValue), .optional(row),
                .integer(Int64(page.limit) + 1),
            ]
        ) { row throws(KinoraError) in try Self.task(row) }
    }

    static func media(_ row: Row) throws(KinoraError) -> StoredMedia {
        guard let type = MediaType(rawValue: row.text(2)) else {
            throw KinoraError(.internalFault, detail: "asset of unknown type \(row.text(2))")
        }
        return StoredMedia(sha256: row.text(0), bytes: row.integer(1), type: type)
    }

    /// The results of a task, in order.
    public func results(ofTask row: Int64) throws(KinoraError) -> [TaskResult] {
        try rows(Self.taskResults, [.integer(row)]) { row throws(KinoraError) in
            TaskResult(try Self.media(row), revisedPrompt: row.optionalText(3))
        }
    }

    /// Deletes a finished task of the caller. False when the task still runs.
    public func delete(_ task: MediaTask, of caller: Caller) throws(KinoraError) -> Bool {
        guard task.state.isFinal else { return false }
        try pool.withConnection { connection throws(KinoraError) in
            try connection.transaction { connection throws(KinoraError) in
                _ = try connection.run(Self.usageAwait, [.integer(task.row)])
                _ = try connection.run(Self.usageRollOf, [.integer(task.row)])
                var assets: [Int64] = []
                try connection.run(Self.taskDelete, [.integer(task.row), .integer(caller.userID)])
                    .forEach { assets.append($0.integer(0)) }
                guard !assets.isEmpty else { return }
                try Self.removeUnused(assets, in: connection)
            }
        }
        return true
    }

    /// Whether a task could not be kept because the row of one of its references was deleted meanwhile.
    public static func isAssetGone(_ error: KinoraError) -> Bool {
        error.code == .internalFault && error.detail.contains("task_asset_asset_id_fkey")
    }

    /// Whether a task could not be kept because another one is found by the same 12 digits.
    public static func isIDTaken(_ error: KinoraError) -> Bool {
        error.code == .alreadyExists && error.detail.contains("task_input_uid")
    }

    public func point(_ reference: TaskReference, of caller: Caller) throws(KinoraError) -> TaskPoint? {
        try first(Self.taskPoint, [.text(reference.short), .integer(caller.userID)]) {
            row throws(KinoraError) in
            TaskPoint(
                row: row.integer(0), id: row.uid(1), model: row.text(2),
                state: TaskState(rawValue: row.text(3)) ?? .failed,
                parameters: try row.json(4).objectValue ?? [:], account: row.optionalInteger(5))
        }
    }

    /// How far these tasks are. One statement for all who wait.
    public func standings(of rows: [Int64]) throws(KinoraError) -> [Int64: TaskStanding] {
        let found = try self.rows(Self.taskStandings, [.integers(rows)]) { row in
            let state = TaskState(rawValue: row.text(1)) ?? .failed
            let standing = TaskStanding(
                state: state, progress: Int(row.integer(2)),
                isPostprocessing: row.optionalText(3) == TaskPhase.postprocessing.rawValue)
            return (row.integer(0), standing)
        }
        return Dictionary(found) { $1 }
    }

    /// Remembers bytes that lie in the media store; the same bytes of the same owner keep one row.
    public func putAsset(_ media: StoredMedia, owner: Int64) throws(KinoraError) -> Int64 {
        let row = try first(
            Self.assetPut,
            [.integer(owner), .text(media.sha256), .integer(media.bytes), .text(media.type.rawValue)]
        ) { $0.integer(0) }
        return row ?? 0
    }
}
