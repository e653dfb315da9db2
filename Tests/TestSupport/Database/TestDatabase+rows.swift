public import Core
public import Store

/// Rows that most tests need, made by the store itself.
extension TestDatabase {
    /// A user with one key that may do everything.
    public func caller(_ name: String = "owner") throws -> Caller {
        let store = store(connectionsMax: 1)
        let key = APIKey.random()
        let user = try store.addKey(
            key, user: name, name: "", models: nil, expiresInDays: nil, createdStatus: 200,
            contentMode: .serve)
        let row = try value("SELECT id FROM api_key WHERE public_id = '\(key.publicID)'") ?? ""
        return Caller(userID: user, keyID: Int64(row) ?? 0)
    }

    /// Gives a user quota, in micro-units.
    public func grant(_ micros: Int64, to user: String = "owner") throws {
        let amount = Amount(micros: micros)
        let isGranted = try store(connectionsMax: 1).move(
            .topup, amount, user: user, reference: nil, note: "")
        guard isGranted else { throw KinoraError(.invalidValue, "no user \(user)") }
    }

    /// A worker that lives for the next hour, however slow the test is, and does nothing by itself.
    public func worker() throws -> Int64 {
        let worker = try store(connectionsMax: 1).registerWorker(host: "here", processID: 1)
        try sql("UPDATE worker SET heartbeat_at = now() + interval '1 hour' WHERE id = \(worker)")
        return worker
    }

    /// An account with a credential that nobody opens.
    @discardableResult
    public func account(_ name: String, vendor: String = "openai", slots: Int = 4) throws -> Int64 {
        try store(connectionsMax: 1).addAccount(
            vendor: vendor, name: name, baseURL: "https://\(vendor).example/v1", region: "", slots: slots
        ) { _ in [1] }
    }

    /// A model of one category without parameters, made by `vendor`.
    public func model(_ id: String, vendor: String, kind: MediaKind = .video) throws {
        let category: Category = kind == .video ? .t2v : .t2i
        try sql(
            """
            INSERT INTO model (id, kind, family) VALUES ('\(id)', '\(kind.rawValue)', 'test');
            INSERT INTO model_category (model_id, category) VALUES ('\(id)', '\(category.rawValue)');
            INSERT INTO route (model_id, vendor, vendor_model) VALUES ('\(id)', '\(vendor)', '\(id)');
            """)
    }

    /// Has the window of off-peak tasks open so many hours from now, for two hours: it is open at -1.
    public func offPeakWindow(opensInHours hours: Int) throws {
        try sql(
            """
            UPDATE setting SET value = to_jsonb(
                to_char(now() AT TIME ZONE 'UTC' + \(hours) * interval '1 hour', 'HH24:MI-')
                    || to_char(now() AT TIME ZONE 'UTC' + \(hours + 2) * interval '1 hour', 'HH24:MI'))
            WHERE name = 'off_peak_window'
            """)
    }

    /// Queues so many tasks of one user, faster than by submits. Gives the user.
    @discardableResult
    public func queue(_ count: Int, of name: String, priority: Int = 0) throws -> Int64 {
        let user = try caller(name).userID
        try sql(
            """
            WITH t AS (INSERT INTO task (user_id, model_id, kind, category, priority)
                SELECT \(user), 'sora-2', 'video', 't2v', \(priority)
                FROM generate_series(1, \(count)) RETURNING id)
            INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
                SELECT id, gen_random_uuid(), 'test', 'p', '{}' FROM t;
            """)
        return user
    }
}

extension NewTask {
    /// A plain task, ready to be changed and submitted.
    public static func sample(
        _ caller: Caller, model: String = "sora-2", prompt: String = "a quiet harbour",
        price: Amount = Amount(micros: 0)
    ) -> NewTask {
        NewTask(
            id: .random(), caller: caller, dialect: "test", model: model, kind: .video, category: .t2v,
            prompt: prompt,
            parameters: ["seconds": 4], remixOf: nil, userIdentifier: nil, references: [],
            price: price, idempotency: nil)
    }
}

extension Store {
    /// Claims with the usual limits.
    public func claim(
        worker: Int64, limit: Int = 100, served: [String: Int64] = [:]
    ) throws(KinoraError) -> [ClaimedTask] {
        try claim(
            worker: worker, limit: limit, imageTimeoutSeconds: 300, videoTimeoutSeconds: 1800, served: served)
    }
}
