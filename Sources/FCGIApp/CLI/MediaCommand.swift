import ArgumentParser
import Core
import Engine
import Upstream

struct MediaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "media", abstract: "What is kept on disk and in the bucket.", subcommands: [Move.self])

    struct Move: KinoraCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put what lies on disk into the bucket, file by file.",
            discussion: """
                A file leaves the disk when the bucket has it; until then it is served from there. May be \
                interrupted, and run again, while everything runs.
                """)

        func perform() throws(KinoraError) {
            let configuration = try Configuration.current().validated()
            guard let (media, transport) = try configuration.bucketMedia(SystemClock()) else {
                throw KinoraError(.configuration, "KINORA_S3_ENDPOINT is not set.")
            }
            try transport.start()
            defer { transport.stop() }
            try media.prove()
            var moved = 0, failed = 0
            for file in try media.disk.files() {
                do throws(KinoraError) {
                    try media.move(file)
                    moved += 1
                } catch {
                    writeError("\(file.relativePath): \(error.detail)\n")
                    failed += 1
                }
            }
            writeLine("moved \(moved)")
            guard failed == 0 else {
                throw KinoraError(.storageFailed, "\(failed) could not be moved and are still on disk.")
            }
        }
    }
}
