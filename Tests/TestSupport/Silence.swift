/// A WAV file of silence, 8 bits at 8 kHz.
public func silence(_ seconds: Double) -> [UInt8] {
    let count = UInt32(seconds * 8000)
    func le(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> ($0 * 8) & 255) } }
    return Array("RIFF".utf8) + le(36 + count) + Array("WAVEfmt ".utf8) + le(16) + [1, 0, 1, 0] + le(8000)
        + le(8000) + [1, 0, 8, 0] + Array("data".utf8) + le(count)
        + [UInt8](repeating: 128, count: Int(count))
}

/// Silence as MP3 that does not say how long it is: so many frames of 26.1 ms at each rate in kbit/s.
public func silentMP3(_ parts: [(frames: Int, rate: Int)]) -> [UInt8] {
    let rates = [32: UInt8(1), 128: 9, 320: 14]
    return parts.flatMap { frames, rate -> [UInt8] in
        let rest = [UInt8](repeating: 0, count: 144_000 * rate / 44_100 - 4)
        let frame = [0xFF, 0xFB, (rates[rate] ?? 9) << 4, 0xC4] + rest
        return (0..<frames).flatMap { _ in frame }
    }
}
