import Core
import Processes

/// How long a sound or a film is, by ffprobe.
final class MediaLength: Sendable {
    private let processes = ChildProcesses()

    /// Ends what runs.
    func close() { processes.close() }

    /// Nil when the file is broken. Throws `internalFault` when ffprobe is not installed.
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
            [
                "ffprobe", "-v", "error", "-f", demuxer, "-protocol_whitelist", "file",
                "-show_entries", "format=duration", "-of", "csv=p=0", "file:\(path)",
            ], limit: .seconds(10), reading: .output)
        guard exit.code == 0, let seconds = Double(exit.text.prefix { !$0.isNewline }), seconds.isFinite,
            seconds > 0
        else { return nil }
        return seconds
    }
}
