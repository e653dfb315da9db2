import Core
import Processes

/// How long a sound or a film is, by ffprobe.
final class MediaLength: Sendable {
    private let processes = ChildProcesses()
    /// A thousand bytes of a film can speak of a hundred million frames, and ffprobe makes room for an index
    /// of them all.
    private let memoryBytesMax: Int

    init(memoryBytesMax: Int = 256 << 20) { self.memoryBytesMax = memoryBytesMax }

    /// Ends what runs.
    func close() { processes.close() }

    /// Nil when the file is broken, which one that keeps ffprobe busy for ten seconds is. Throws
    /// `internalFault` when ffprobe is not installed, or has had no processor for a minute.
    func seconds(of path: String, _ type: MediaType) throws(KinoraError) -> Double? {
        // The demuxer is named and nothing but files may be read, so that no content can choose otherwise.
        let demuxer =
            switch type {
            case .wav: "wav"
            case .mp3: "mp3"
            case .webm: "matroska"
            case .mp4, .quicktime: "mov"
            case .png, .jpeg, .webp, .gif: ""
            }
        guard !demuxer.isEmpty else { return nil }
        let exit = try processes.run(
            ["ffprobe", "-v", "error", "-f", demuxer, "-protocol_whitelist", "file"] + Self.entries(of: type)
                + ["-of", "csv=p=0", "file:\(path)"],
            limit: .seconds(60), within: .init(memoryBytes: memoryBytesMax, processorSeconds: 10),
            reading: .output)
        guard !exit.isTimedOut else { throw KinoraError(.internalFault, detail: "ffprobe: not done in time") }
        // Of a whole file one number; of packets the last one's begin and length.
        let last = exit.text.split(whereSeparator: \.isNewline).last ?? ""
        let numbers = last.split(separator: ",").map { Double($0) ?? .nan }
        let seconds = numbers.reduce(0, +)
        guard exit.code == 0, seconds.isFinite, seconds > 0 else { return nil }
        return seconds
    }

    /// An MP3 need not say how long it is, and what ffprobe then takes for its length is a guess from its
    /// first frames: they are counted, up to more than any model allows.
    private static func entries(of type: MediaType) -> [String] {
        guard type == .mp3 else { return ["-show_entries", "format=duration"] }
        return ["-show_entries", "packet=pts_time,duration_time", "-read_intervals", "%+#20000"]
    }

    /// What encoders may add to a sound, in seconds: an MP3 begins with their delay and ends with a whole
    /// frame.
    static func padding(of type: MediaType) -> Double { type == .mp3 ? 0.06 : 0 }
}
