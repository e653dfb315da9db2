import Core
import Foundation
import Processes
import TestSupport
import Testing

@testable import Sandbox

/// Runs the real ffmpeg.
@Suite(.serialized) struct RenderTests {
    private func probe(_ path: String) throws -> JSON {
        try JSONParser.parse(
            try succeed("ffprobe", ["-v", "error", "-show_streams", "-show_format", "-of", "json", path])
                .output)
    }

    private func stream(_ probe: JSON, _ type: String) -> JSON? {
        probe["streams"]?.arrayValue?.first { $0["codec_type"]?.stringValue == type }
    }

    /// The pixels of one frame, three bytes each.
    private func frame(_ path: String, at seconds: Double, filter: String = "null") throws -> [UInt8] {
        let output = path + ".raw"
        try succeed(
            "ffmpeg",
            ["-loglevel", "error", "-y", "-ss", "\(seconds)", "-i", path, "-frames:v", "1", "-vf", filter]
                + ["-pix_fmt", "rgb24", "-f", "rawvideo", output])
        return try #require(FileStore.bytes(of: output))
    }

    private func render(_ draft: Draft, in sandbox: World, _ id: String) throws -> TaskView {
        _ = try sandbox.perform(.submit(draft), for: .first, id: id, fault: nil)
        return try wait(for: id, in: sandbox)
    }

    private func wait(for id: String, in world: World) throws -> TaskView {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            guard case .task(let view) = try world.perform(.poll(id), for: .first, id: "", fault: nil)
            else { throw KinoraError(.internalFault) }
            if view.isFinal || ContinuousClock.now > deadline { return view }
            usleep(10_000)
        }
    }

    /// A world with a studio that works, in a folder whose name is as awkward as names can be.
    private func withWorld(_ body: (World, String) throws -> Void) throws {
        let folder = try Folder()
        let directory = "\(folder.path)/a:b'c,d;[e] %{pts} \\f"
        let studio = Studio(files: try FileStore(directory: directory)) { _ in }
        try studio.start()
        defer {
            studio.stop()
            #expect(studio.join(until: .now + patience))
        }
        try body(
            World(settings: SandboxSettings(taskSeconds: 0), studio: studio, clock: ManualClock()), directory)
        let leftovers = try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasPrefix("text-") || $0.hasSuffix(".part") }
        #expect(leftovers.isEmpty)
    }

    @Test(
        arguments: [
            ("sora-2", "1280x720", 4), ("sora-2", "720x1280", 8), ("sora-2-pro", "1792x1024", 4),
        ] as [(String, String, Int)])
    func aFilmHasTheSizeAndLengthAskedFor(_ model: String, _ size: String, _ seconds: Int) throws {
        try withWorld { world, directory in
            let frame = try #require(FrameSize(size))
            let draft = Draft(model: model, prompt: "A quiet harbour", seconds: seconds, size: frame)
            let view = try render(draft, in: world, "t1")
            #expect(view.failure?.message == nil)
            let path = "\(directory)/\(try #require(view.film))"
            let probe = try probe(path)
            let video = stream(probe, "video")
            #expect(video?["codec_name"] == "h264" && video?["pix_fmt"] == "yuv420p")
            #expect(video?["width"]?.integerValue == Int64(frame.width))
            #expect(video?["height"]?.integerValue == Int64(frame.height))
            #expect(stream(probe, "audio")?["codec_name"] == "aac")
            let duration = probe["format"]?["duration"]?.stringValue.flatMap(Double.init) ?? 0
            #expect(abs(duration - Double(seconds)) <= 0.1)
            let bytes = try #require(FileStore.bytes(of: path))
            let text = String(decoding: bytes.prefix(4096), as: Unicode.ASCII.self)
            #expect(text.contains("moov"), "the index stands before the media")
        }
    }

    @Test(arguments: [
        "清晨的码头上，渔船慢慢离开港口，海鸥在飞。", "it's \"quoted\": 100% \\n \\\\ {x} %{pts} %{localtime}",
        "x:textfile=/etc/passwd", "a\nb\r\nc\u{0B}d\u{2028}e", "',drawtext=text=evil,'[v];[0:v]",
        "\u{1}\u{7F}\u{FFFF}",
        "   ", "🎬🎥 emoji مرحبا שלום", String(repeating: "W", count: 32_000),
    ])
    func everyPromptCanBeDrawn(_ prompt: String) throws {
        try withWorld { world, directory in
            let view = try render(.sample(prompt), in: world, "t1")
            #expect(view.status == .completed, "\(view.failure?.message ?? "")")
        }
    }

    @Test func thePromptAndTheTimeCodeAreInThePicture() throws {
        try withWorld { world, directory in
            let box = "crop=640:200:320:260"
            let time = "crop=300:60:960:640"
            func frames(_ prompt: String, _ filter: String, _ seconds: [Double]) throws -> [[UInt8]] {
                let id = "t\(prompt.utf8.count)"
                let film = try #require(try render(.sample(prompt), in: world, id).film)
                return try seconds.map { try frame("\(directory)/\(film)", at: $0, filter: filter) }
            }
            let brightest = { (bytes: [UInt8]) in bytes.max() ?? 0 }
            let empty = try frames(" ", box, [1])[0]
            let drawn = try frames("清晨的码头", box, [1])[0]
            #expect(brightest(drawn) > 230 && brightest(empty) < 200)
            let codes = try frames("  ", time, [1, 3])
            #expect(brightest(codes[0]) > 230 && codes[0] != codes[1])
        }
    }

    @Test(arguments: [("png", MediaType.png), ("jpg", .jpeg), ("webp", .webp)])
    func aReferenceIsTheBackgroundAndARemixKeepsItTinted(_ ending: String, _ type: MediaType) throws {
        try withWorld { world, directory in
            let path = "\(directory)/green.\(ending)"
            let source = ["-f", "lavfi", "-i", "color=0x10C020:s=1280x720", "-frames:v", "1"]
            try succeed("ffmpeg", ["-loglevel", "error"] + source + ["file:\(path)"])
            var draft = Draft.sample(" ")
            draft.reference = ReferenceImage(bytes: try #require(FileStore.bytes(of: path)), type: type)
            let view = try render(draft, in: world, "t1")
            let film = try #require(view.film, "\(view.failure?.message ?? "")")
            let pixel = try frame("\(directory)/\(film)", at: 2, filter: "crop=2:2:640:300").prefix(3)
            let (red, green) = (Int(pixel[0]), Int(pixel[1]))
            #expect(green > 150 && red < 60)

            _ = try world.perform(.remix(of: "t1", prompt: " "), for: .first, id: "t2", fault: nil)
            let remix = try wait(for: "t2", in: world)
            #expect(remix.draft.remixOf == "t1")
            let tinted = try frame(
                "\(directory)/\(try #require(remix.film))", at: 2, filter: "crop=2:2:640:300"
            ).prefix(3)
            #expect(Int(tinted[0]) > red + 30)
        }
    }

    @Test func aBrokenReferenceFailsTheTaskAndSaysWhy() throws {
        try withWorld { world, _ in
            var draft = Draft.sample()
            let head: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
            draft.reference = ReferenceImage(bytes: head + Array("no picture at all".utf8), type: .png)
            let view = try render(draft, in: world, "t1")
            #expect(view.status == .failed && view.failure?.code == "render_failed")
            #expect(view.failure?.message.contains("ffmpeg ended with") == true)
        }
    }

    @Test func stillsAreMadeFromTheFilm() throws {
        try withWorld { world, directory in
            _ = try render(.sample(), in: world, "t1")
            for (rendition, codec, width) in [
                (Rendition.thumbnail, "webp", 1280), (.spritesheet, "mjpeg", 960),
            ] {
                guard
                    case .content(let file, let type) = try world.perform(
                        .content("t1", rendition), for: .first, id: "", fault: nil)
                else { continue }
                #expect(type == rendition.mediaType)
                // ffprobe would read the percent sign of the folder as a pattern for numbered pictures.
                let copy = try Folder()
                let path = "\(copy.path)/still"
                try FileManager.default.copyItem(atPath: "\(directory)/\(file)", toPath: path)
                let video = stream(try probe(path), "video")
                #expect(video?["codec_name"]?.stringValue == codec)
                #expect(video?["width"]?.integerValue == Int64(width))
            }
        }
    }

    @Test func aFilmCostsLittle() throws {
        let folder = try Folder()
        let draft = Draft.sample("A quiet harbour at dawn. 清晨的码头上，渔船慢慢离开港口。")
        let recipe = Recipe(draft, of: "openai", task: "t", .prompt)
        try recipe.captionLines.joined(separator: "\n")
            .write(toFile: "\(folder.path)/c", atomically: true, encoding: .utf8)
        let arguments = recipe.arguments(
            background: .gradient(seed: 1), caption: "\(folder.path)/c", label: "\(folder.path)/c", font: nil)
        // The least of a few: beside others each second of CPU does less.
        let costs = try (0..<3).map { _ in
            try succeed("ffmpeg", Array(arguments.dropFirst()) + ["-y", "\(folder.path)/film.mp4"]).cpuSeconds
        }
        #expect(costs.min() ?? 1 < 1, "\(costs) s of CPU for 4 s of 1280x720")
    }

    @Test func processesAreKilledAtTheirLimitAndAtTheEnd() throws {
        let processes = ChildProcesses()
        let slow = ["sleep", "120"]
        let started = ContinuousClock.now
        let exit = try processes.run(slow, limit: .milliseconds(100))
        #expect(exit.isTimedOut && exit.code == 137)
        let ended = Happening<ErrorCode?>()
        let thread = try Core.Thread {
            do throws(KinoraError) {
                _ = try processes.run(slow, limit: .seconds(120))
                ended.note(nil)
            } catch { ended.note(error.code) }
        }
        usleep(100_000)
        processes.close()
        #expect(thread.join(until: .now + .seconds(30)))
        #expect(ended.all == [.shuttingDown], "what was killed says nothing of the program")
        #expect(ContinuousClock.now - started < .seconds(60))
        #expect(throws: KinoraError(.shuttingDown)) { try processes.run(slow, limit: .seconds(1)) }
    }

    @Test func aProgramHasOnlySoMuchMemory() throws {
        let processes = ChildProcesses()
        let hungry = ["dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"]
        #expect(try processes.run(hungry, limit: .seconds(60)).code == 0)
        let bounds = ChildProcesses.Bounds(memoryBytes: 50 << 20, processorSeconds: 60)
        let bound = try processes.run(hungry, limit: .seconds(60), within: bounds)
        #expect(bound.code == 1 && bound.text.contains("memory exhausted"))
        let told = try processes.run(
            ["sh", "-c", "ulimit -d; ulimit -t"], limit: .seconds(60), within: bounds, reading: .output)
        #expect(told.text == "51200\n60\n", "its limits, in KiB and seconds, before it does anything")
    }

    /// Its own work counts, and not how long the machine takes for it.
    @Test func aProgramHasOnlySoMuchOfTheProcessor() throws {
        let processes = ChildProcesses()
        let bounds = ChildProcesses.Bounds(memoryBytes: 50 << 20, processorSeconds: 1)
        let busy = ["sh", "-c", "while :; do :; done"]
        let exit = try processes.run(busy, limit: patience, within: bounds)
        #expect(exit.code == 137 && !exit.isTimedOut)
        #expect(try processes.run(["sleep", "1.5"], limit: patience, within: bounds).code == 0)
    }

    @Test func aProgramsErrorsAreKeptAndAMissingProgramIsAnError() throws {
        let processes = ChildProcesses()
        let exit = try processes.run(["ls", "/nowhere/at/all"], limit: .seconds(60))
        #expect(exit.code == 2 && exit.text.contains("/nowhere/at/all"))
        for bounds in [nil, ChildProcesses.Bounds(memoryBytes: 50 << 20, processorSeconds: 60)] {
            #expect(throws: KinoraError.self) {
                try processes.run(["no-such-program"], limit: .seconds(60), within: bounds)
            }
        }
    }
}
