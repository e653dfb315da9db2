import Foundation
import TestSupport
import Testing

/// A PNG of one colour, such as `64x64`.
func picture(_ size: String = "64x64") throws -> [UInt8] {
    let finished = try run(
        "/usr/bin/ffmpeg",
        [
            "-v", "error", "-f", "lavfi", "-i", "color=c=orange:s=\(size)", "-frames:v", "1", "-f",
            "image2pipe",
            "-c:v", "png", "-",
        ])
    #expect(finished.status == 0)
    return finished.output
}

/// An MP4 of one colour that lasts so many seconds.
func film(_ seconds: Double) throws -> [UInt8] {
    let folder = try Folder()
    let path = "\(folder.path)/film.mp4"
    let source = ["-v", "error", "-f", "lavfi", "-i", "color=c=orange:s=64x64:r=4"]
    let finished = try run("/usr/bin/ffmpeg", source + ["-t", String(seconds), "-c:v", "mpeg4", path])
    #expect(finished.status == 0, "\(finished.errors)")
    return Array(try Data(contentsOf: URL(filePath: path)))
}
