internal import Core

extension FrameSize {
    /// Reads the size of a PNG, JPEG or WebP from its header. Nil for anything else and for a broken header.
    init?(ofImage bytes: [UInt8]) {
        let size: FrameSize? =
            switch MediaType(sniffing: bytes) {
            case .png: Self.ofPNG(bytes)
            case .jpeg: Self.ofJPEG(bytes)
            case .webp: Self.ofWebP(bytes)
            default: nil
            }
        guard let size, size.width > 0, size.height > 0 else { return nil }
        self = size
    }

    private static func ofPNG(_ bytes: [UInt8]) -> FrameSize? {
        guard bytes.count >= 24 else { return nil }
        let numbers = [16, 20].map { start in bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) } }
        return FrameSize(numbers[0], numbers[1])
    }

    /// Walks the segments up to the frame header (SOF0 to SOF15 without DHT, JPG and DAC).
    private static func ofJPEG(_ bytes: [UInt8]) -> FrameSize? {
        var at = 2
        while at + 9 < bytes.count {
            guard bytes[at] == 0xFF else { return nil }
            let marker = bytes[at + 1]
            if marker == 0xFF {
                at += 1
                continue
            }
            if (0xC0...0xCF).contains(marker), ![0xC4, 0xC8, 0xCC].contains(marker) {
                return FrameSize(
                    Int(bytes[at + 7]) << 8 | Int(bytes[at + 8]), Int(bytes[at + 5]) << 8 | Int(bytes[at + 6])
                )
            }
            let isBare = marker == 0x01 || (0xD0...0xD8).contains(marker)
            at += isBare ? 2 : 2 + (Int(bytes[at + 2]) << 8 | Int(bytes[at + 3]))
        }
        return nil
    }

    private static func ofWebP(_ bytes: [UInt8]) -> FrameSize? {
        guard bytes.count >= 30 else { return nil }
        func little(_ at: Int, _ count: Int) -> Int {
            bytes[at..<at + count].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        switch String(decoding: bytes[12..<16], as: UTF8.self) {
        case "VP8X": return FrameSize(little(24, 3) + 1, little(27, 3) + 1)
        case "VP8L": return FrameSize(little(21, 4) & 0x3FFF + 1, little(21, 4) >> 14 & 0x3FFF + 1)
        case "VP8 ": return FrameSize(little(26, 2) & 0x3FFF, little(28, 2) & 0x3FFF)
        default: return nil
        }
    }
}
