import Foundation

/// A small seeded generator: a failing round can be run again by its seed.
public struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    public mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
    public mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }
}

/// How much fuzzing a test run does, and how it spoils what was valid.
public enum Fuzz {
    /// `KINORA_FUZZ=100000` fuzzes in earnest; a plain run takes a taste.
    public static let rounds = ProcessInfo.processInfo.environment["KINORA_FUZZ"].flatMap(Int.init) ?? 2_000

    /// Applies one to four random changes. `tokens` are pieces that mean something in the format at hand.
    public static func mutate(_ bytes: inout [UInt8], tokens: [[UInt8]], _ random: inout SplitMix64) {
        for _ in 0...random.below(4) {
            let at = random.below(bytes.count + 1)
            let end = min(bytes.count, at + random.below(12))
            switch random.below(7) {
            case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8(random.below(8))
            case 1 where at < bytes.count: bytes[at] = UInt8(random.below(256))
            case 2: bytes.removeSubrange(at..<end)
            case 3: bytes.insert(contentsOf: Array(bytes[at..<end]), at: random.below(bytes.count + 1))
            case 4: bytes.removeSubrange(at...)
            default: bytes.insert(contentsOf: random.pick(tokens), at: at)
            }
        }
    }
}
