import Core
import Foundation
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// Media given by address, and what a model takes.
@Suite(.freshDatabase) struct ReferenceTests {
    let stage: Stage
    let host: Receiver
    private let transport: CurlTransport

    private static let picture = "RIFF0000WEBPVP8 a picture"

    init() throws {
        let host = try Receiver()
        var options = CurlTransport.Options()
        options.egress = EgressGuard(exceptions: [host.place], ports: EgressGuard.webPorts)
        transport = try CurlTransport(options)
        try transport.start()
        self.host = host
        stage = try Stage(references: transport)
        host.answers { _ in Receiver.reply(200, Self.picture) }
    }

    private func url(_ path: String = "/a.webp") -> String { "http://\(host.place)\(path)" }

    private func references() throws -> [String?] {
        try stage.database.sql(
            """
            SELECT encode(a.sha256, 'hex') FROM task_asset t JOIN asset a ON a.id = t.asset_id
            ORDER BY t.task_id, t.position
            """
        ).map { $0[0] }
    }

    @discardableResult
    private func submit(_ references: Reference..., category: Category? = nil) throws -> MediaTask {
        try stage.submit {
            $0.references = references
            $0.category = category
        }
    }

    private func refusal(_ references: Reference..., category: Category? = nil) -> KinoraError? {
        #expect(throws: KinoraError.self) {
            try stage.submit {
                $0.references = references
                $0.category = category
            }
        }
    }

    /// Lets sora-2 take up to three pictures and two sounds.
    private func allowMore(least: Int = 1) throws {
        try stage.database.sql(
            """
            UPDATE model_category SET category = 'ref2v', parameters = parameters || '[
                {"name": "images", "type": "media", "media": "image", "minimum": \(least), "maximum": 3,
                    "bytes_max": 64},
                {"name": "audios", "type": "media", "media": "audio", "maximum": 2, "seconds_min": 2,
                    "seconds_max": 15, "seconds_total_max": 15}]'
            WHERE model_id = 'sora-2' AND category = 'i2v'
            """)
        try stage.refresh { $0.models["sora-2"]?.references[.ref2v]?.count == 2 }
    }

    // By address

    @Test func anAddressIsFetchedBeforeTheTaskIsAccepted() throws {
        host.answers { message in
            message.path == "/moved"
                ? Receiver.reply(302, headers: "Location: /a.webp\r\n") : Receiver.reply(200, Self.picture)
        }
        let task = try submit(Reference(.url(url("/moved")), field: "refs[0].url"))
        #expect(task.state == .queued)
        #expect(try references().count == 1)
        #expect(host.received.all.map(\.path) == ["/moved", "/a.webp"])
        #expect(host.received.all.allSatisfy { $0.headers["authorization"] == nil })
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(stage.folder.path)/spool").isEmpty)
    }

    @Test(arguments: [
        ("404", "could not be fetched: the server answered 404"), ("empty", "it is empty"),
        ("html", "must be a PNG, JPEG or WebP image"), ("loop", "leads on too often"),
        ("inside", "an address that is not allowed"), ("long", "is larger than 30 MiB"),
        ("cut", "the server cannot be reached"),
    ])
    func whatIsNoPictureIsRefusedWithTheField(_ kind: String, _ words: String) throws {
        host.answers { message in
            switch kind {
            case "404": Receiver.reply(404, "no")
            case "empty": Receiver.reply(200)
            case "html": Receiver.reply(200, "<html>a page</html>")
            case "loop": Receiver.reply(307, headers: "Location: \(message.path)\r\n")
            case "inside": Receiver.reply(302, headers: "Location: https://169.254.169.254/latest\r\n")
            case "long": Receiver.reply(200, Self.picture + String(repeating: "x", count: 31 << 20))
            default: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
            }
        }
        let error = refusal(Reference(.url(url()), field: "refs[0].url"))
        #expect(error?.field == "refs[0].url")
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "accepted")")
        #expect(error.map { (400..<500).contains($0.code.facts.status) } == true)
        #expect(try stage.database.count("task") == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(stage.folder.path)/spool").isEmpty)
    }

    @Test(arguments: [
        "ftp://example.com/a", "http://", "http://user:word@example.com/a", "https:///a", "http:example.com",
        "http://exa mple.com/", "https://example.com/" + String(repeating: "a", count: 2100),
    ])
    func whatIsNoAddressIsNotCalled(_ text: String) throws {
        let error = refusal(Reference(.url(text), field: "image"))
        #expect(error?.code == .invalidValue && error?.field == "image", "\(String(describing: error))")
    }

    @Test(arguments: ["http://127.0.0.1:1/a", "http://localhost/a", "http://[::1]/a", "http://10.0.0.1/a"])
    func anAddressInsideIsRefused(_ text: String) throws {
        #expect(refusal(Reference(.url(text), field: "image"))?.code == .addressRefused)
    }

    /// Media lie at the ports of the web; who names another one wants to know what listens there. Nothing is
    /// sent.
    @Test(arguments: ["http://192.0.1.1:22/a", "https://192.0.1.1:8443/a", "http://3221225729:8080/a"])
    func anotherPortThanTheWebsIsRefused(_ text: String) throws {
        let error = refusal(Reference(.url(text), field: "image"))
        #expect(error?.code == .addressRefused && error?.field == "image")
        #expect(error?.detail.hasSuffix(": not a port of the web") == true)
    }

    /// A thread for short calls must not wait for somebody else's server.
    @Test func aThreadForShortCallsHandsItOn() throws {
        var submission = Submission(dialect: "test", model: "sora-2", kind: .video, prompt: "p")
        submission.references = [Reference(.url(url()), field: "image")]
        guard case .needsPatience = try stage.perform(.submit(submission), mayWait: false) else {
            throw Unexpected("it was answered")
        }
        #expect(host.received.all.isEmpty)
        #expect(try stage.database.count("task") == 0)
    }

    @Test func onlySoManyAreFetchedAtOnce() throws {
        host.answers { _ in nil }
        let one = Limits.referenceFetchesPerUserMax
        let fetch = ReferenceFetch(transport, stage.media.spool)
        func fetching(for user: Int64) throws -> Core.Thread {
            try Core.Thread { [url = url()] in
                if let path = try? fetch.file(from: url, for: user, field: "image", bytesMax: 1000) {
                    unlink(path)
                }
            }
        }
        func refusal(of user: Int64) -> KinoraError? {
            #expect(throws: KinoraError.self) {
                try fetch.file(from: url(), for: user, field: "image", bytesMax: 1000)
            }
        }
        var threads = try (0..<one).map { _ in try fetching(for: 1) }
        #expect(host.waits(for: one))
        // A user has its share, and others have theirs.
        #expect(refusal(of: 1)?.code == .queueFull)
        for user in 2...Int64(Limits.referenceFetchesMax / one) {
            threads += try (0..<one).map { _ in try fetching(for: user) }
        }
        #expect(host.waits(for: Limits.referenceFetchesMax))
        #expect(refusal(of: 99)?.code == .queueFull)
        host.cut()
        for thread in threads { #expect(thread.join(until: .now + patience)) }
        host.answers { _ in Receiver.reply(200, Self.picture) }
        try submit(Reference(.url(url()), field: "image"))
    }

    /// Another task of the user's, with the same picture, is deleted just then.
    @Test func aReferenceThatIsDeletedMeanwhileIsKeptAgain() throws {
        try stage.database.sql(
            """
            CREATE TABLE deleted_once ();
            CREATE FUNCTION delete_once() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = kinora AS $$ BEGIN
                IF NOT EXISTS (SELECT FROM deleted_once) THEN
                    INSERT INTO deleted_once DEFAULT VALUES;
                    DELETE FROM asset WHERE id = NEW.id;
                END IF;
                RETURN NULL; END $$;
            CREATE TRIGGER delete_once AFTER INSERT ON asset FOR EACH ROW EXECUTE FUNCTION delete_once();
            """)
        try submit(picture())
        #expect(try stage.database.count("deleted_once") == 1)
        #expect(try references().count == 1)
    }

    // What a model takes

    private func picture(_ number: Int = 1) -> Reference {
        Reference(.bytes(Array("RIFF000\(number)WEBP".utf8)), field: "image_files", family: .image)
    }

    private func sound(_ seconds: Double) -> Reference {
        Reference(.bytes(silence(seconds)), field: "audio_files", family: .audio)
    }

    @Test func aModelSaysWhichTypesItTakesAndHowManyBytes() throws {
        try stage.database.sql(
            """
            UPDATE model_category SET parameters = parameters || '[{"name": "images", "type": "media",
                "media": "image", "maximum": 1, "types": ["image/png", "image/jpeg"], "bytes_max": 4928307}]'
            WHERE model_id = 'sora-2' AND category = 'i2v'
            """)
        try stage.refresh { $0.models["sora-2"]?.references[.i2v]?.first?.types.count == 2 }
        func photo(_ bytes: Int) -> Reference {
            let head: [UInt8] = [0xFF, 0xD8, 0xFF, 0xDB]
            return Reference(.bytes(head + [UInt8](repeating: 0, count: bytes - 4)), field: "input_image")
        }
        for reference in [picture(), Reference(.url(url()), field: "image_files")] {
            let error = refusal(reference)
            #expect(error?.code == .invalidValue && error?.field == "image_files")
            #expect(error?.message == "'image_files' must be a PNG or JPEG image.")
        }
        #expect(refusal(photo(4_928_308))?.message == "'input_image' is larger than 4.7 MiB.")
        #expect(try stage.database.count("task") == 0)
        #expect(try stage.database.count("asset") == 0)
        try submit(photo(4_928_307))
    }

    @Test func severalPicturesAndSoundsKeepTheirOrder() throws {
        try allowMore()
        try submit(picture(2), sound(2), picture(1), sound(13), category: .ref2v)
        let types = try stage.database.sql(
            "SELECT a.media_type FROM task_asset t JOIN asset a ON a.id = t.asset_id ORDER BY t.position")
        #expect(types.map { $0[0] } == ["image/webp", "audio/wav", "image/webp", "audio/wav"])
    }

    @Test func aModelSaysHowManyAndHowLong() throws {
        #expect(refusal(picture(1), picture(2))?.message.contains("at most 1 reference image, not 2") == true)
        #expect(refusal(sound(3))?.message.contains("takes no reference audios") == true)
        try allowMore()
        func words(_ references: Reference...) -> String {
            let error = #expect(throws: KinoraError.self) {
                try stage.submit {
                    $0.references = references
                    $0.category = .ref2v
                }
            }
            return error?.message ?? ""
        }
        #expect(
            words(picture(1), picture(2), picture(3), picture(4)).contains(
                "at most 3 reference images, not 4"))
        #expect(words(sound(3)).contains("needs at least 1 reference image"))
        #expect(words(picture(), sound(1.9)).contains("is 1.9 s long; it must be 2 to 15 s"))
        #expect(words(picture(), sound(15.1)).contains("is 15.1 s long"))
        #expect(words(picture(), sound(10), sound(5.01)).contains("All audio together must be at most 15 s"))
        let broken = Reference(.bytes(Array("RIFF0000WAVE".utf8)), field: "audio_files", family: .audio)
        #expect(words(picture(), broken).contains("must be WAV or MP3 audio"))
        let large = Array("RIFF0000WEBP".utf8) + [UInt8](repeating: 0, count: 64)
        #expect(words(Reference(.bytes(large), field: "f", family: .image)).contains("is larger than"))
        let disguised = Reference(picture().source, field: "audio_files", family: .audio)
        #expect(words(picture(), disguised).contains("must be WAV or MP3 audio"))
        #expect(try stage.database.count("task") == 0)
        #expect(stage.folder.files("media").isEmpty, "none is kept when another one is refused")
        #expect(try stage.database.count("asset") == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(stage.folder.path)/spool").isEmpty)
        try submit(picture(), sound(10), sound(5), category: .ref2v)
    }

    /// What nobody could know before: the database itself refuses the task.
    @Test func whatIsRefusedAtTheLastMomentIsForgotten() throws {
        try stage.database.sql(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.prompt = 'refuse' THEN RAISE 'refused'; END IF; RETURN NEW; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON task_input FOR EACH ROW EXECUTE FUNCTION refuse();
            """)
        try submit(picture(1))
        #expect(throws: KinoraError.self) {
            try stage.submit {
                $0.prompt = "refuse"
                $0.references = [picture(1)]
            }
        }
        #expect(throws: KinoraError.self) {
            try stage.submit {
                $0.prompt = "refuse"
                $0.references = [picture(2)]
            }
        }
        #expect(try stage.database.count("asset") == 1)
        let unnamed = "media_removal r WHERE NOT EXISTS (SELECT FROM asset a WHERE a.sha256 = r.sha256)"
        #expect(try stage.database.count(unnamed) == 1)
        #expect(try references().count == 1)
    }

    /// Its first frames tell nothing of an MP3's length, and its encoder adds to it.
    @Test func anMP3IsAsLongAsItsFrames() throws {
        try allowMore()
        func sound(_ parts: (frames: Int, rate: Int)...) -> Reference {
            Reference(.bytes(silentMP3(parts)), field: "audio_files", family: .audio)
        }
        try submit(picture(), sound((576, 128)), category: .ref2v)
        try submit(picture(), sound((192, 128)), sound((384, 128)), category: .ref2v)
        let long = refusal(picture(), sound((77, 320), (1838, 32)), category: .ref2v)
        #expect(long?.message == "'audio_files' is 50.02 s long; it must be 2 to 15 s.")
        #expect(refusal(picture(), sound((578, 128)), category: .ref2v)?.message.contains("15.1 s") == true)
        #expect(refusal(picture(), sound((76, 128)), category: .ref2v)?.message.contains("1.99 s") == true)
    }

    /// ffprobe would make room for an index of all frames: 24 bytes for each.
    @Test func aFilmOfAHundredMillionFramesTakesNoMemory() throws {
        let path = "\(stage.folder.path)/film.mp4"
        try Data(film(frames: 80_000_000)).write(to: URL(fileURLWithPath: path))
        #expect(try MediaLength().seconds(of: path, .mp4) == 5)
        // Not even ffprobe itself has room.
        #expect((try? MediaLength(memoryBytesMax: 2 << 20).seconds(of: path, .mp4)) == nil)
    }

    @Test func aPictureThatIsMissingIsNamedAsTheClientsAPIDoes() throws {
        try allowMore(least: 2)
        func missing(_ references: Reference..., category: Category? = nil) -> String? {
            let error = #expect(throws: KinoraError.self) {
                try stage.submit {
                    $0.references = references
                    $0.category = category
                    $0.pictureFields = ["first", "second"]
                }
            }
            #expect(error?.code == .missingParameter)
            return error?.field
        }
        #expect(missing(category: .ref2v) == "first")
        #expect(missing(picture(), category: .ref2v) == "second")
        try stage.database.sql("DELETE FROM model_category WHERE category = 't2v' AND model_id = 'sora-2'")
        try stage.refresh { $0.models["sora-2"]?.rules[.t2v] == nil }
        #expect(missing() == "first")
    }
}
