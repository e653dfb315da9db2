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
