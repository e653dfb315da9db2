import Core
import Store
import Synchronization
import TestSupport
import Upstream

@testable import Engine

/// Receivers of one user, and couriers that write to them: a real database, real curl, real sockets.
final class Mail: Sendable {
    let database = TestDatabase.current
    let store: Store
    let caller: Caller
    let vault: Vault
    let events = EventLog()
    let clock = ManualClock()
    let receiver: Receiver
    private let couriers = Mutex<[(Courier, CurlTransport)]>([])

    init() throws {
        store = database.store(connectionsMax: 4)
        caller = try database.caller()
        vault = try Vault(masterKey: [UInt8](repeating: 7, count: 32))
        receiver = try Receiver()
    }

    deinit {
        for (courier, transport) in couriers.withLock({ $0 }) {
            courier.stop(within: .zero)
            transport.stop()
        }
        receiver.stop()
    }

    /// An endpoint of the owner, and its secret as `kinora webhook add` prints it.
    @discardableResult
    func endpoint(_ url: String? = nil) throws -> (row: Int64, secret: String) {
        let secret = WebhookSecret.random()
        let vault = vault
        let row = try store.addWebhook(user: "owner", url: url ?? receiver.url) { row throws(KinoraError) in
            try vault.seal(secret, endpoint: row)
        }
        guard let row else { throw Unexpected("no endpoint") }
        return (row, secret.text.revealed())
    }

    /// A courier that may reach `places`, the receiver if none are named.
    @discardableResult
    func courier(reaching places: [String]? = nil) throws -> Courier {
        var options = CurlTransport.Options()
        options.egress = EgressGuard(exceptions: Set(places ?? [receiver.place]))
        let transport = try CurlTransport(options)
        try transport.start()
        let courier = Courier(
            store: store, vault: vault, transport: transport, clock: clock, events: events,
            pollInterval: .milliseconds(100))
        try courier.start()
        couriers.withLock { $0.append((courier, transport)) }
        return courier
    }

    /// As `kill -9` leaves it: nothing more is sent, heard or written.
    func kill(_ courier: Courier) {
        let transport = couriers.withLock { couriers in
            defer { couriers.removeAll { $0.0 === courier } }
            return couriers.first { $0.0 === courier }?.1
        }
        transport?.stop()
        courier.stop(within: .zero)
    }

    /// A task that has been running and ends so.
    @discardableResult
    func end(
        _ state: TaskState = .succeeded, kind: MediaKind = .video, model: String = "sora-2",
        error: (code: String, message: String)? = nil, of user: Int64? = nil
    ) throws -> TaskID {
        let id = TaskID.random()
        let words = error.map { "'\($0.code)', '\($0.message)'" } ?? "NULL, NULL"
        try database.sql(
            """
            WITH t AS (INSERT INTO task (user_id, model_id, kind, category, state, phase, created_at)
                VALUES (\(user ?? caller.userID), '\(model)', '\(kind.rawValue)',
                    '\(kind == .video ? "t2v" : "t2i")', 'running', 'waiting', '2026-01-31 23:59:59Z')
                RETURNING id)
            INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
            SELECT id, '\(id)', 'test', '', '{}' FROM t;
            UPDATE task SET state = '\(state.rawValue)', phase = NULL, due_at = NULL, finished_at = now(),
                progress = \(state == .succeeded ? 100 : 0), (error_code, error_message) = ROW(\(words))
            FROM task_input i WHERE i.task_id = task.id AND i.uid = '\(id)'
            """)
        return id
    }

    /// Makes the next try of everything due now.
    func hurry() throws {
        try database.sql("UPDATE webhook_delivery SET due_at = now() WHERE state = 'pending'")
    }

    /// State, number of tries and last status of every delivery, oldest first.
    func deliveries() throws -> [[String?]] {
        try database.sql(
            """
            SELECT CASE due_at - tried_at WHEN interval '60 s' THEN 'under way' ELSE state END, tries,
                last_status
            FROM webhook_delivery ORDER BY id
            """)
    }

    func waitsUntil(_ expected: [[String?]]) throws -> Bool {
        try eventually { try deliveries() == expected }
    }

    func failures(_ count: Int) -> Bool {
        events.has(count) { if case .webhookFailed = $0 { true } else { false } }
    }
}
