import Core
import Crypto
import Store
import TestSupport
import Testing

@testable import Engine

@Suite(.freshDatabase) struct GatewaySubmitTests {
    let stage: Stage

    init() throws { stage = try Stage() }

    private func refusal(_ change: (inout Submission) -> Void) -> KinoraError? {
        #expect(throws: KinoraError.self) { _ = try stage.submit("a prompt", change) }
    }

    @Test func anAcceptedTaskIsQueuedWithItsDefaults() throws {
        let task = try stage.submit("a prompt")
        #expect((task.state, task.progress, task.model, task.prompt) == (.queued, 0, "sora-2", "a prompt"))
        #expect(task.parameters == ["seconds": 15, "size": "1280x720"])
        let kept = try #require(try stage.task(task.id))
        #expect(
            (kept.row, kept.id, kept.createdAt, kept.state) == (task.row, task.id, task.createdAt, .queued))
        #expect(Set(kept.parameters.names) == ["seconds", "size"])
        let key = stage.caller.keyID
        #expect(
            stage.events.has { if case .taskAccepted(task.id, "sora-2", key) = $0 { true } else { false } })
    }

    @Test func aRefusalNamesTheFieldInTheCallersSpelling() throws {
        func given(_ name: String, _ field: String, _ value: JSON) -> (inout Submission) -> Void {
            { $0.parameters = [GivenParameter(name: name, field: field, value: value)] }
        }
        let cases: [(code: ErrorCode, field: String, change: (inout Submission) -> Void)] = [
            (.missingParameter, "prompt", { $0.prompt = "" }),
            (.missingParameter, "prompt", { $0.prompt = " \n\t" }),
            (
                .invalidValue, "prompt",
                { $0.prompt = String(repeating: "長", count: Limits.promptCharactersMax + 1) }
            ),
            (.modelNotFound, "model", { $0.model = "sora-9" }),
            (.modelNotFound, "model", { $0.kind = .image }),
            (.invalidValue, "duration", given("seconds", "duration", 5)),
            (.invalidValue, "n_seconds", given("seconds", "n_seconds", "4")),
            (.invalidValue, "resolution", given("size", "resolution", "1x1")),
            (.invalidValue, "style", given("style", "style", .string(String(repeating: "x", count: 65)))),
            (.invalidValue, "Idempotency-Key", { $0.idempotencyKey = String(repeating: "k", count: 256) }),
            (
                .invalidValue, "picture",
                { $0.references = [Reference(.bytes(Array("GIF89a".utf8)), field: "picture")] }
            ),
            (.invalidValue, "picture", { $0.references = [Reference(.bytes([]), field: "picture")] }),
        ]
        for (code, field, change) in cases {
            let error = refusal(change)
            #expect(error?.code == code && error?.field == field, "\(field): \(String(describing: error))")
        }
        #expect(try stage.database.count("task") == 0)
    }

    @Test func aPromptMayBeAsLongAsItsLimit() throws {
        let prompt = String(repeating: "長", count: Limits.promptCharactersMax)
        #expect(try stage.task(try stage.submit(prompt).id)?.prompt == prompt)
    }

    @Test func whatAModelDoesNotTakeIsRefused() throws {
        try stage.database.sql(
            "DELETE FROM model_category WHERE category = 'i2v' AND model_id = 'sora-2-pro'")
        let stage = try Stage(slots: [])
        let picture = Reference(.bytes(Self.png), field: "input_reference")
        let error = #expect(throws: KinoraError.self) {
            try stage.submit("a prompt") {
                $0.model = "sora-2-pro"
                $0.references = [picture]
            }
        }
        #expect(error?.code == .invalidValue && error?.field == "model")
    }

    @Test func aModelThatNoAccountServesIsNotAccepted() throws {
        try stage.database.sql("UPDATE account SET state = 'disabled'")
        let error = #expect(throws: KinoraError.self) { try Stage(slots: []).submit() }
        #expect(error?.code == .noAccount)
    }

    @Test func aKeyMayUseOnlyTheModelsOnItsList() throws {
        let narrow = Caller(
            userID: stage.caller.userID, keyID: stage.caller.keyID,
            options: KeyOptions(models: ["sora-2-pro"]))
        func submit(_ model: String) throws -> Outcome {
            try stage.perform(
                .submit(Submission(dialect: "test", model: model, kind: .video, prompt: "p")), as: narrow)
        }
        let error = #expect(throws: KinoraError.self) { _ = try submit("sora-2") }
        #expect(error?.code == .modelNotFound)
        #expect(throws: Never.self) { _ = try submit("sora-2-pro") }
        guard case .models(let models) = try stage.perform(.models(ModelFilter()), as: narrow) else {
            throw Unexpected("no list")
        }
        #expect(models.map(\.id) == ["sora-2-pro"])
        let hidden = #expect(throws: KinoraError.self) { _ = try stage.perform(.model("sora-2"), as: narrow) }
        #expect(hidden?.code == .modelNotFound)
        guard case .models(let all) = try stage.perform(.models(ModelFilter())) else {
            throw Unexpected("no list")
        }
        let videos = all.filter { $0.kind == "video" }
        #expect(Set(videos.map(\.id)).isSuperset(of: ["sora-2", "sora-2-pro", "sora-video-portrait-15s"]))
        #expect(videos.allSatisfy { $0.family == "sora" }, "nobody makes the others")
        guard case .models(let jimeng) = try stage.perform(.models(ModelFilter(family: "jimeng"))) else {
            throw Unexpected("no list")
        }
        #expect(jimeng.isEmpty)
        let foreign = #expect(throws: KinoraError.self) {
            _ = try stage.perform(.model("sora-2", family: "jimeng"))
        }
        #expect(foreign?.code == .modelNotFound)
    }

    // Idempotency-Key ----------------------------------------------------------------------------------

    private static func print(_ byte: String) -> String { String(repeating: byte, count: 32) }

    @Test func theSameRequestTwiceIsOneTask() throws {
        let same: (inout Submission) -> Void = {
            $0.idempotencyKey = "key"
            $0.fingerprint = Self.print("0a")
        }
        let first = try stage.submit("a prompt", same), second = try stage.submit("a prompt", same)
        #expect((second.id, second.state, second.createdAt) == (first.id, .queued, first.createdAt))
        // Even when the task has moved on since: the answer is the one of the first time.
        #expect(try stage.store.cancel(TaskReference(first.id)) != nil)
        let third = try stage.submit("a prompt", same)
        #expect((third.id, third.state, third.finishedAt) == (first.id, .queued, nil))
        #expect(try stage.database.count("task") == 1)
        #expect(stage.events.count { if case .taskAccepted = $0 { true } else { false } } >= 1)
    }

    /// What the first request was checked against may have changed since; its answer has not.
    @Test func aRepeatedRequestIsAnsweredBeforeAnyCheck() throws {
        let same: (inout Submission) -> Void = {
            $0.idempotencyKey = "key"
            $0.fingerprint = Self.print("0a")
        }
        let first = try stage.submit("a prompt", same)
        try stage.database.sql("UPDATE model SET enabled = false; UPDATE account SET state = 'disabled'")
        let later = try Stage(slots: [])
        #expect(throws: KinoraError.self) { try later.submit("a prompt") }
        #expect(try later.submit("a prompt", same).id == first.id)
    }

    @Test func anotherRequestWithTheSameKeyIsRefused() throws {
        for (body, isAccepted) in [("0a", true), ("0b", false), ("0a", true)] {
            let submit = {
                try stage.submit("a prompt") {
                    $0.idempotencyKey = "key"
                    $0.fingerprint = Self.print(body)
                }
            }
            if isAccepted {
                #expect(throws: Never.self) { try submit() }
            } else {
                let error = #expect(throws: KinoraError.self) { try submit() }
                #expect(error?.code == .idempotencyMismatch)
            }
        }
        #expect(try stage.database.count("task") == 1)
    }

    @Test func racersWithOneKeyAllGetTheSameTask() throws {
        let got = Happening<TaskID>()
        let stage = stage
        try concurrently(12) { _ in
            let task = try stage.submit("a prompt") {
                $0.idempotencyKey = "key"
                $0.fingerprint = Self.print("0a")
            }
            got.note(task.id)
        }
        #expect(got.all.count == 12)
        #expect(Set(got.all).count == 1)
    }

    // References --------------------------------------------------------------------------------------

    static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3]

    private func upload(_ bytes: [UInt8], _ name: String, declared: Int? = nil) throws -> Reference {
        let path = try stage.folder.write(bytes, to: "spool/\(name)")
        let file = UploadedFile(
            field: "input_reference", path: path, bytes: declared ?? bytes.count,
            sha256: Hex.text(SHA256.hash(data: bytes)), mediaType: MediaType(sniffing: bytes))
        return Reference(.uploaded(file), field: "input_reference")
    }

    @Test func aReferenceIsWhatItsBytesAreAndNotWhatItIsCalled() throws {
        let picture = try upload(Self.png, "holiday.txt")
        let task = try stage.submit("a prompt") { $0.references = [picture] }
        #expect(
            try stage.database.sql(
                "SELECT role, media_type FROM task_asset JOIN asset ON asset.id = asset_id")
                == [["reference", "image/png"]])
        #expect(try stage.database.value("SELECT category FROM task WHERE id = \(task.row)") == "i2v")
        #expect(stage.folder.files("media").count == 1)

        let text = try upload(Array("<html>".utf8), "picture.png")
        let error = refusal { $0.references = [text] }
        #expect(error?.code == .invalidValue && error?.field == "input_reference")
        #expect(stage.folder.files("media").count == 1)
    }

    @Test func aReferenceThatIsTooLargeIsRefused() throws {
        let huge = try upload(Self.png, "huge", declared: Limits.referenceBytesMax + 1)
        let error = refusal { $0.references = [huge] }
        #expect(error?.code == .bodyTooLarge && error?.field == "input_reference")
    }

    @Test func whoNamesNoModelGetsTheUsualOneOfTheProvider() throws {
        #expect(try stage.submit { $0.model = nil }.model == "sora-2")
        #expect(
            try stage.submit {
                $0.model = nil
                $0.provider = "openai"
            }.model == "sora-2")
        let error = refusal {
            $0.model = nil
            $0.provider = "nobody"
        }
        #expect(error?.code == .invalidValue && error?.field == "provider")
        #expect(error?.message.contains("openai") == true)
    }

    @Test func referencesKeepTheirOrderAndShareTheirFile() throws {
        try stage.database.sql(
            """
            UPDATE model_category
            SET parameters = parameters || '{"type": "media", "media": "image", "maximum": 3}'
            WHERE category = 'i2v'
            """
        )
        try stage.refresh { $0.models["sora-2"]?.references[.i2v]?.count == 1 }
        let other = Self.png + [9]
        let task = try stage.submit("a prompt") { submission in
            submission.references = [other, Self.png, other].map { Reference(.bytes($0), field: "r") }
        }
        let sizes = try stage.database.sql(
            """
            SELECT bytes FROM task_asset JOIN asset ON asset.id = asset_id
            WHERE task_id = \(task.row) ORDER BY position
            """
        )
        #expect(sizes == [["12"], ["11"], ["12"]])
        #expect(stage.folder.files("media").count == 2)
    }

    /// 48 bits: among ten million tasks one new id in thirty million is another one's.
    @Test func anIDThatIsTakenIsDrawnAnew() throws {
        try stage.database.grant(1000)
        let price = Price(task: Amount(micros: 100))
        let place = PricePlace(model: "sora-2", category: nil, resolution: "")
        #expect(try stage.store.setPrice(price, at: place) > 0)
        try stage.refresh { $0.models["sora-2"]?.prices[.t2v]?[""] == price }
        let first = try stage.submit()
        try stage.database.sql(
            """
            CREATE SEQUENCE drawn;
            CREATE FUNCTION draw() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                IF nextval('kinora.drawn') = 1 THEN NEW.uid := '\(first.id)'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER draw BEFORE INSERT ON task_input FOR EACH ROW EXECUTE FUNCTION kinora.draw();
            """)
        let second = try stage.submit()
        #expect(second.id != first.id)
        #expect(try stage.store.task(TaskReference(second.id), of: stage.caller)?.row == second.row)
        #expect(try stage.database.value("SELECT last_value FROM drawn") == "2")
        #expect(try stage.database.count("task") == 2)
        #expect(try stage.store.quota(of: stage.caller).held == Amount(micros: 200))
    }
}
