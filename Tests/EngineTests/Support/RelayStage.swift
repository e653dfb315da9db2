import Core
import Store
import TestSupport
import Upstream

@testable import Engine

/// A gateway on the test's own database, and two upstreams of text models; the second has no account until a
/// test adds it.
final class RelayStage: Sendable {
    let database = TestDatabase.current
    let events = EventLog()
    let store: Store
    let caller: Caller
    let first: Receiver
    let second: Receiver
    private let vault: Vault
    private let cache: SnapshotCache
    private let gateway: Gateway
    private let folder: Folder

    static let chat = #"{"model":"gpt-4","messages":[{"role":"user","content":"hello"}]}"#
    static let streamed = #"{"model":"gpt-4","messages":[{"role":"user","content":"hello"}],"stream":true}"#

    static let whole = Receiver.reply(
        200,
        #"{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":30,"completion_tokens":12}}"#)

    static let events = """
        data: {"choices":[{"delta":{"content":"one"},"finish_reason":null}],"usage":null}

        data: {"choices":[{"delta":{"content":" two"},"finish_reason":null}],"usage":null}

        data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}

        data: {"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":12}}

        data: [DONE]


        """

    /// The first of them.
    static let begun = String(events.split(separator: "\n\n")[0]) + "\n\n"

    static func stream(_ text: String, cut: Int = 0) -> String {
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: \(text.utf8.count + cut)\r\n"
            + "Connection: close\r\n\r\n\(text)"
    }

    init() throws {
        folder = try Folder()
        store = database.store(connectionsMax: 4)
        caller = try database.caller()
        first = try Receiver()
        second = try Receiver()
        vault = try Vault(masterKey: [UInt8](repeating: 7, count: 32))
        var options = CurlTransport.Options()
        options.egress = EgressGuard(exceptions: [first.place, second.place])
        _ = try Self.add("one", "openai", first, store, vault)
        cache = try SnapshotCache(store, events: events)
        gateway = Gateway(
            store: store, cache: cache, media: folder.media, vault: vault, wakeups: Wakeups(store),
            references: ScriptedVendor(), clock: ManualClock(), events: events, lines: CurlLines(options))
    }

    deinit {
        first.stop()
        second.stop()
        cache.stop()
    }

    private static func add(
        _ name: String, _ vendor: String, _ place: Receiver, _ store: Store, _ vault: Vault
    ) throws -> Int64 {
        try store.addAccount(
            vendor: vendor, name: name, baseURL: "http://\(place.place)/v1", region: "", slots: 1
        ) { row throws(KinoraError) in
            try vault.seal(
                Secret(Stage.credential(name)), table: "account", row: row, column: "credential_sealed")
        }
    }

    /// With a route of a higher position, unless it is of the same vendor. The first account comes first.
    func addSecond(vendor: String = "openai") throws {
        _ = try Self.add("two", vendor, second, store, vault)
        if vendor == "openai" {
            try database.sql("UPDATE account SET weight = 1000 WHERE name = 'one'")
        } else {
            try database.sql(
                """
                INSERT INTO route (model_id, vendor, vendor_model, position)
                VALUES ('gpt-4', '\(vendor)', 'x', 2)
                """
            )
        }
    }

    func relay(
        _ body: String, _ kind: RelayKind = .chat, as other: Caller? = nil,
        while isWanted: @escaping () -> Bool = { true }
    ) throws(KinoraError) -> Outcome {
        let request = try RelayRequest(kind, Array(body.utf8))
        return try gateway.perform(
            .relay(request), for: other ?? caller, .init(mayWait: true, isWanted: isWanted))
    }

    func ask(_ body: String = chat) throws -> String {
        guard case .relayed(let bytes) = try relay(body) else { throw Unexpected("a stream") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A stream to its end.
    func stream() throws -> String {
        let (text, error) = try broken()
        if let error { throw error }
        return text
    }

    /// A stream, and what ended it early.
    func broken() throws -> (String, KinoraError?) {
        guard case .relaying(let stream) = try relay(Self.streamed) else { throw Unexpected("no stream") }
        var text = ""
        do throws(KinoraError) {
            while let bytes = try stream.next() { text += String(decoding: bytes, as: UTF8.self) }
        } catch { return (text, error) }
        return (text, nil)
    }

    /// Has written down what is counted in memory.
    func settle() throws { gateway.settle() }

    /// Sums as `name accepted succeeded failed input output`.
    func usage(_ group: UsageGroup = .model) throws -> [String] {
        try store.listUsage(UsageQuestion(group: group)).map { row in
            let names = [group.rawValue, "accepted", "succeeded", "failed", "input_tokens", "output_tokens"]
            return names.map { row[$0]?.stringValue ?? row[$0]?.text ?? "" }.joined(separator: " ")
        }
    }

    func quota() throws -> [Int64] {
        let quota = try store.quota(of: caller)
        return [quota.available.micros, quota.held.micros, quota.used.micros]
    }

    /// Sets the price of chats and waits until the gateway knows it.
    func setPrice(_ price: Price) throws {
        let place = PricePlace(model: "gpt-4", category: .t2t, resolution: "")
        _ = try store.setPrice(price, at: place)
        try awaitChange { $0.models["gpt-4"]?.prices[.t2t]?[""] == price }
    }

    func set(_ setting: String, to value: Int) throws {
        try database.sql("UPDATE setting SET value = '\(value)' WHERE name = '\(setting)'")
        try awaitChange { $0.settings[setting] == JSON(value) }
    }

    private func awaitChange(_ isKnown: (Snapshot) -> Bool) throws {
        try cache.start()
        cache.noteChange()
        guard eventually({ isKnown(cache.snapshot) }) else {
            throw Unexpected("the change was not heard of")
        }
    }
}
