/// A WAV file of silence, 8 bits at 8 kHz.
public func silence(_ seconds: Double) -> [UInt8] {
    let count = UInt32(seconds * 8000)
    func le(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> ($0 * 8) & 255) } }
    return Array("RIFF".utf8) + le(36 + count) + Array("WAVEfmt ".utf8) + le(16) + [1, 0, 1, 0] + le(8000)
        + le(8000) + [1, 0, 8, 0] + Array("data".utf8) + le(count)
        + [UInt8](repeating: 128, count: Int(count))
}
