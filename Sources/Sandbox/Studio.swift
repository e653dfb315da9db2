internal import Core
import Glibc
import Processes
import Synchronization

/// Why a film could not be rendered.
struct RenderFailure: Error, Sendable {
    let message: String
}

/// Renders films and stills by ffmpeg, two at a time, in the order of arrival; stills, for which a client is
/// waiting, go first.
final class Studio: Sendable {
    private struct Job: Sendable {
        /// The name of the file that the job makes.
        let output: String
        /// Without the output's path, which comes last.
        let arguments: [String]
        /// Files that ffmpeg reads, there while it runs.
        var texts: [String: String] = [:]
        /// Told the end; false when the file is not wanted any more.
        let ended: @Sendable (Result<Void, RenderFailure>) -> Bool
    }

    static let threadCount = 2
    /// Longest time for one rendering.
    private static let limit = Duration.seconds(60)
    /// The first of these that is installed and covers Chinese; fontconfig's choice where none is.
    private static let fonts = [
        "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    ]

    let files: FileStore
    private let font: String?
    private let log: @Sendable (String) -> Void
    private let queue = Mutex<(jobs: [Job], isClosed: Bool)>(([], false))
    /// Who waits for a shared picture that is being drawn, by its file.
    private let sharers = Mutex<[String: [@Sendable (Result<Void, RenderFailure>) -> Void]]>([:])
    /// Rendering must not slow down what is being measured beside it.
    private let processes = ChildProcesses(niceness: 10)
    private let threads: Mutex<[Thread]> = Mutex([])
    private let partNumber = Atomic<Int>(0)
    /// One for each thread: a signal that two wait for may wake just one of them.
    private let wakeUps = (0..<threadCount).map { _ in Signal() }

    init(files: FileStore, log: @escaping @Sendable (String) -> Void) {
        self.files = files
        self.log = log
        font = Self.fonts.first { access($0, R_OK) == 0 }
    }

    func start() throws(KinoraError) {
        for wakeUp in wakeUps {
            let thread = try Thread { [self] in
                while let job = next(wakeUp) { perform(job) }
            }
            threads.withLock { $0.append(thread) }
        }
    }

    /// Ends what runs, and fails what waits.
    func stop() {
        let waiting = queue.withLock { queue in
            queue.isClosed = true
            defer { queue.jobs = [] }
            return queue.jobs
        }
        processes.close()
        for wakeUp in wakeUps { wakeUp.raise() }
        for job in waiting { _ = job.ended(.failure(RenderFailure(message: "The sandbox stops."))) }
    }

    func join(until deadline: ContinuousClock.Instant) -> Bool {
        threads.withLock { $0 }.allSatisfy { $0.join(until: deadline) }
    }

    /// Renders a film in the background.
    func render(
        _ recipe: Recipe, as film: String, ended: @escaping @Sendable (Result<Void, RenderFailure>) -> Bool
    ) {
        let background = background(of: recipe)
        var texts: [String: String] = [:]
        let caption = "\(FilmFile.textPrefix)\(film)-caption.txt"
        let label = "\(FilmFile.textPrefix)\(film)-label.txt"
        let lines = recipe.captionLines
        if !lines.isEmpty { texts[caption] = lines.joined(separator: "\n") }
        if !recipe.isBare { texts[label] = recipe.label }
        let arguments = recipe.arguments(
            background: background, caption: lines.isEmpty ? nil : files.path(caption),
            label: recipe.isBare ? nil : files.path(label), font: font)
        add(Job(output: film, arguments: arguments, texts: texts, ended: ended), isUrgent: false)
    }

    /// Makes the thumbnail or sprite sheet of a finished film, once, and returns its file's name. Blocks.
    func still(_ rendition: Rendition, of film: String, seconds: Int) throws(KinoraError) -> String {
        let name = FilmFile.still(rendition, of: film)
        if files.exists(name) { return name }
        let arguments = Recipe.arguments(for: rendition, ofFilm: files.path(film), seconds: seconds)
        let done = Signal()
        add(
            Job(output: name, arguments: arguments) { _ in
                done.raise()
                return true
            }, isUrgent: true)
        guard done.wait(for: Self.limit), files.exists(name) else { throw KinoraError(.upstreamServer) }
        return name
    }

    /// Draws a picture. Blocks: a client is waiting.
    func draw(_ recipe: PictureRecipe, as name: String) throws(KinoraError) {
        let done = Signal()
        draw(recipe, as: name, isUrgent: true) { _ in
            done.raise()
            return true
        }
        guard done.wait(for: Self.limit), files.exists(name) else { throw KinoraError(.upstreamServer) }
    }

    /// Draws a picture, at once where it is shared and there is one already, else in the background; a shared
    /// one that is being drawn is waited for.
    func draw(
        _ recipe: PictureRecipe, as name: String, isUrgent: Bool = false,
        ended: @escaping @Sendable (Result<Void, RenderFailure>) -> Bool
    ) {
        guard let shared = recipe.sharedFile else {
            return add(job(recipe, as: name, ended), isUrgent: isUrgent)
        }
        if files.link(shared, as: name) {
            if !ended(.success(())) { files.remove(name) }
            return
        }
        let isFirst = sharers.withLock { sharers in
            sharers[shared, default: []].append { [files] result in
                var result = result
                if case .success = result, !files.link(shared, as: name) {
                    result = .failure(RenderFailure(message: "cannot write to \(files.directory)"))
                }
                if !ended(result) { files.remove(name) }
            }
            return sharers[shared]?.count == 1
        }
        guard isFirst else { return }
        let drawing = job(recipe, as: shared) { [self] result in
            let waiting = sharers.withLock { $0.removeValue(forKey: shared) ?? [] }
            for tell in waiting { tell(result) }
            return true
        }
        add(drawing, isUrgent: isUrgent)
    }

    private func job(
        _ recipe: PictureRecipe, as name: String,
        _ ended: @escaping @Sendable (Result<Void, RenderFailure>) -> Bool
    ) -> Job {
        var texts: [String: String] = [:]
        let caption = "\(FilmFile.textPrefix)\(name)-caption.txt"
        let label = "\(FilmFile.textPrefix)\(name)-label.txt"
        let lines = recipe.captionLines
        if !lines.isEmpty { texts[caption] = lines.joined(separator: "\n") }
        texts[label] = recipe.label
        var background = Recipe.Background.gradient(seed: recipe.id.utf8.reduce(0) { $0 &+ Int($1) })
        var source: String?
        if let reference = recipe.reference {
            let file = FilmFile.reference(of: recipe.id, reference.type)
            if files.write(reference.bytes, to: file) {
                background = .picture(path: files.path(file), reference.type)
                source = file
            }
        }
        let arguments = recipe.arguments(
            background: background, caption: lines.isEmpty ? nil : files.path(caption),
            label: files.path(label), font: font)
        return Job(output: name, arguments: arguments, texts: texts) { [files, source] result in
            if let source { files.remove(source) }
            return ended(result)
        }
    }

    /// Removes everything that was rendered for one task.
    func forget(task: String) { FilmFile.all(of: task).forEach(files.remove) }

    func forgetAll() {
        let waiting = queue.withLock { queue in
            defer { queue.jobs = [] }
            return queue.jobs
        }
        for job in waiting { _ = job.ended(.failure(RenderFailure(message: "The sandbox was reset."))) }
        files.removeAll()
    }

    /// The reference's file, which a remix shares with its source; else a gradient.
    private func background(of recipe: Recipe) -> Recipe.Background {
        if let reference = recipe.reference {
            let name = FilmFile.reference(of: recipe.task, reference.type)
            if files.write(reference.bytes, to: name) {
                return .picture(path: files.path(name), reference.type)
            }
        } else if let source = recipe.remixOf {
            for type in ReferenceImage.types {
                let name = FilmFile.reference(of: recipe.task, type)
                if files.link(FilmFile.reference(of: source, type), as: name) {
                    return .picture(path: files.path(name), type)
                }
            }
        }
        let seed = (recipe.remixOf ?? recipe.task).utf8.reduce(0) { $0 &+ Int($1) }
        return .gradient(seed: seed)
    }

    private func add(_ job: Job, isUrgent: Bool) {
        let isClosed = queue.withLock { queue in
            if !queue.isClosed { queue.jobs.insert(job, at: isUrgent ? 0 : queue.jobs.count) }
            return queue.isClosed
        }
        if isClosed { _ = job.ended(.failure(RenderFailure(message: "The sandbox stops."))) }
        for wakeUp in wakeUps { wakeUp.raise() }
    }

    /// The next job, blocking until there is one; nil once the studio is closed.
    private func next(_ wakeUp: Signal) -> Job? {
        while true {
            let (job, isClosed) = queue.withLock { queue in
                (queue.jobs.isEmpty ? nil : queue.jobs.removeFirst(), queue.isClosed)
            }
            if let job { return job }
            if isClosed { return nil }
            _ = wakeUp.wait(for: .seconds(3600))
        }
    }

    private func perform(_ job: Job) {
        let part = "\(job.output).\(partNumber.add(1, ordering: .relaxed).newValue).part"
        let result = make(job, as: part)
        if case .failure(let failure) = result {
            files.remove(part)
            log("rendering \(job.output) failed: \(failure.message)")
        }
        if !job.ended(result) { files.remove(job.output) }
    }

    private func make(_ job: Job, as part: String) -> Result<Void, RenderFailure> {
        defer { for name in job.texts.keys { files.remove(name) } }
        for (name, text) in job.texts where !files.write(Array(text.utf8), to: name) {
            return .failure(RenderFailure(message: "cannot write to \(files.directory)"))
        }
        do throws(KinoraError) {
            let exit = try processes.run(job.arguments + ["file:\(files.path(part))"], limit: Self.limit)
            if exit.isTimedOut { return .failure(RenderFailure(message: "ffmpeg took too long")) }
            guard exit.code == 0 else {
                let lastLine = exit.text.split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
                return .failure(RenderFailure(message: "ffmpeg ended with \(exit.code): \(lastLine)"))
            }
            guard files.move(part, to: job.output) else {
                return .failure(RenderFailure(message: "cannot write to \(files.directory)"))
            }
            return .success(())
        } catch {
            return .failure(RenderFailure(message: error.detail.isEmpty ? error.message : error.detail))
        }
    }
}
