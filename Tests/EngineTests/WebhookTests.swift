import Core
import Foundation
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// What receivers are told: written with the end of a task, signed, in words that clients know.
@Suite(.freshDatabase) struct WebhookTests {
    let mail: Mail

    init() throws { mail = try Mail() }

    private func parsed(_ message: Receiver.Message?) throws -> JSON {
        try JSONParser.parse(Array(try #require(message).body.utf8))
    }

    // Signatures

    /// The specification's own example.
    @Test func theSignatureIsThatOfTheSpecification() throws {
        let secret = try #require(WebhookSecret(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")))
        let signature = secret.signature(
            of: "msg_p5jXN8AQM9LWM0D4loKWxJek", at: Timestamp(seconds: 1_614_265_330),
            #"{"test": 2432232314}"#)
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    /// OpenSSL and Foundation compute it from what came over the wire.
    private func expected(_ message: Receiver.Message, _ secret: String) throws -> String {
        let key = try #require(Data(base64Encoded: String(secret.dropFirst("whsec_".count))))
        let hex = key.map { String(format: "%02x", $0) }.joined()
        let id = message.headers["webhook-id"] ?? "", time = message.headers["webhook-timestamp"] ?? ""
        let digest = try run(
            "openssl", ["dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:\(hex)", "-binary"],
            input: Array("\(id).\(time).\(message.body)".utf8))
        return "v1,\(Data(digest.output).base64EncodedString())"
    }

    @Test func aMessageIsSignedAsOthersComputeIt() throws {
        let secret = try mail.endpoint().secret
        try mail.end(.failed, error: ("generation_failed", "Größe und 猫 \"zitiert\" \\ /"))
        try mail.courier()
        #expect(mail.receiver.waits(for: 1))
        let message = try #require(mail.receiver.received.all.first)
        #expect(message.headers["webhook-signature"] == (try expected(message, secret)))
        #expect(message.headers["webhook-timestamp"] == String(mail.clock.now.seconds))
        #expect(message.headers["content-type"] == "application/json")
        #expect(message.path == "/hook")
        #expect(try mail.waitsUntil([["delivered", "1", "204"]]))
    }

    @Test func everyEndpointHasASecretOfItsOwn() throws {
        let secrets = try (0..<3).map { _ in try mail.endpoint().secret }
        #expect(Set(secrets).count == 3)
        #expect(secrets.allSatisfy { Data(base64Encoded: String($0.dropFirst(6)))?.count == 32 })
    }

    @Test(arguments: ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!"])
    func whatIsNoSecretSignsNothing(_ text: String) {
        #expect(WebhookSecret(Secret(text)) == nil)
    }

    // Payloads

    @Test func aMessageTellsHowATaskEnded() throws {
        try mail.endpoint()
        let id = try mail.end()
        try mail.courier()
        #expect(mail.receiver.waits(for: 1))
        let told = try parsed(mail.receiver.received.all.first)
        #expect(told["type"] == "task.succeeded")
        let data = told["data"]
        #expect(data?["id"] == .string(id.description))
        #expect(data?["video_id"] == .string("sora-2-\(id.short)"))
        #expect(data?["model"] == "sora-2")
        #expect(data?["status"] == "succeeded")
        #expect(data?["error"] == .null)
        #expect(data?["created_at"] == "2026-01-31T23:59:59.000000Z")
        #expect(data?["finished_at"] == told["timestamp"])
        #expect(told["timestamp"]?.stringValue?.hasSuffix("Z") == true)
    }

    @Test(arguments: [
        (TaskState.failed, "upstream_credential", "generation_failed"),
        (.failed, "content_policy_violation", "content_policy_violation"),
        (.expired, "task_deadline", "generation_failed"),
    ])
    func aFailureIsToldInTheWordsOfAPoll(_ state: TaskState, _ code: String, _ told: String) throws {
        try mail.endpoint()
        try mail.end(state, error: (code, "It did not work."))
        let payload = try #require(try mail.database.value("SELECT payload FROM webhook_delivery"))
        let json = try JSONParser.parse(Array(payload.utf8))
        #expect(json["type"] == .string("task.\(state.rawValue)"))
        #expect(json["data"]?["error"] == ["code": .string(told), "message": "It did not work."])
    }

    @Test func aPictureHasNoVideoIdAndAnOddModelAPlainOne() throws {
        try mail.endpoint()
        try mail.end(.cancelled, kind: .image)
        let video = try mail.end(model: "studio/v1:fast")
        let told = try mail.database.sql("SELECT payload FROM webhook_delivery ORDER BY id").map {
            try JSONParser.parse(Array(($0[0] ?? "").utf8))["data"]
        }
        #expect(told.map { $0?["video_id"] } == [nil, .string("studio-v1-fast-\(video.short)")])
        #expect(told.map { $0?["status"] } == ["cancelled", "succeeded"])
    }

    @Test func nothingIsWrittenForThoseWhoAskedForNothing() throws {
        let other = try mail.database.caller("other")
        try mail.end()
        #expect(try mail.deliveries().isEmpty, "no endpoint at all")
        let (row, _) = try mail.endpoint()
        try mail.end(of: other.userID)
        #expect(try mail.deliveries().isEmpty, "somebody else's endpoint")
        try mail.database.sql(
            "UPDATE webhook_endpoint SET enabled = false, disabled_reason = 'x' WHERE id = \(row)")
        try mail.end()
        #expect(try mail.deliveries().isEmpty, "switched off")
    }

    @Test func eachEndpointIsToldAndUnfinishedTasksAreNot() throws {
        try mail.endpoint()
        try mail.endpoint(mail.receiver.url + "/2")
        try mail.end()
        try mail.database.sql("UPDATE task SET deleted_at = now()")
        #expect(try mail.database.count("webhook_delivery") == 2)
        try mail.courier()
        #expect(try mail.waitsUntil([["delivered", "1", "204"], ["delivered", "1", "204"]]))
        #expect(Set(mail.receiver.received.all.map(\.path)) == ["/hook", "/hook/2"])
        #expect(Set(mail.receiver.received.all.compactMap { $0.headers["webhook-id"] }).count == 2)
    }

    @Test func aTransactionThatIsTakenBackTellsNothing() throws {
        try mail.endpoint()
        let session = try mail.database.newSession()
        try session.rows(
            """
            BEGIN;
            WITH t AS (INSERT INTO task (user_id, model_id, kind, category)
                VALUES (\(mail.caller.userID), 'sora-2', 'video', 't2v') RETURNING id)
            INSERT INTO task_input (task_id, uid, dialect, prompt, parameters)
            SELECT id, gen_random_uuid(), 'test', '', '{}' FROM t;
            UPDATE task SET state = 'cancelled', due_at = NULL, finished_at = now()
            """)
        try session.rows("ROLLBACK")
        #expect(try mail.deliveries().isEmpty)
    }

    /// The whole way: a worker finishes a task, and its receiver hears so soon.
    @Test func aWorkersTaskIsToldAtOnce() throws {
        let stage = try Stage()
        try mail.database.sql("UPDATE app_user SET name = 'stage' WHERE name = 'owner'")
        try mail.database.sql("UPDATE app_user SET name = 'owner' WHERE id = \(stage.caller.userID)")
        try mail.endpoint()
        try mail.courier()
        _ = try stage.worker()
        let task = try stage.finished()
        #expect(mail.receiver.waits(for: 1))
        #expect(try parsed(mail.receiver.received.all.first)["data"]?["id"] == .string(task.id.description))
    }

    // Secrets

    @Test func theSecretStandsInNoTableInClearAndInNoError() throws {
        let (row, secret) = try mail.endpoint()
        mail.receiver.answers { message in Receiver.reply(500, "\(message.headers)") }
        try mail.end()
        try mail.courier()
        #expect(mail.failures(1))
        let rows = try mail.database.sql(
            """
            SELECT to_jsonb(e)::text, encode(e.secret_sealed, 'escape') FROM webhook_endpoint e UNION ALL
            SELECT to_jsonb(d)::text, NULL FROM webhook_delivery d
            """)
        #expect(rows.count == 2)
        #expect(!"\(rows)".contains(secret) && !"\(rows)".contains(secret.dropFirst(6)))
        #expect(!"\(mail.events.all)".contains(secret.dropFirst(6)))
        let listed = "\(try mail.store.listWebhooks()) \(try mail.store.webhook(row)!)"
        #expect(!listed.contains(secret.dropFirst(6)))
    }

    @Test func theAddressesTokenIsNotWrittenDownWithTheAnswer() throws {
        try mail.endpoint(mail.receiver.url + "?token=hunter2")
        mail.receiver.answers { Receiver.reply(403, "no \($0.path) here") }
        try mail.end()
        try mail.courier()
        #expect(mail.failures(1))
        #expect(try eventually { try mail.database.value("SELECT last_error FROM webhook_delivery") != nil })
        let error = try mail.database.value("SELECT last_error FROM webhook_delivery")
        #expect(error == "HTTP 403 no /hook?*** here")
        #expect(!"\(mail.events.all)".contains("hunter2"))
    }

    @Test func aSealOfAnotherRowDoesNotOpen() throws {
        let first = try mail.endpoint().row, second = try mail.endpoint().row
        try mail.database.sql(
            """
            UPDATE webhook_endpoint SET secret_sealed =
                (SELECT secret_sealed FROM webhook_endpoint WHERE id = \(first)) WHERE id = \(second)
            """)
        let endpoint = try #require(try mail.store.webhook(second))
        #expect(throws: KinoraError.self) { try mail.vault.secret(of: endpoint) }
    }
}
