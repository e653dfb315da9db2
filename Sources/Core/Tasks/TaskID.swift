/// The random id of a task. Every client-side spelling (uuid, 32 hex digits, `<model>-<12 hex digits>`)
/// starts with the same 48 bits, so any of them finds the task.
public struct TaskID: Sendable, Hashable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A fresh version-4 UUID from the system's random source.
    public static func random() -> TaskID {
        var source = SystemRandomNumberGenerator()
        let high = source.next() & ~0xF000 | 0x4000
        let low = source.next() & ~(3 << 62) | (2 << 62)
        return TaskID(high: high, low: low)
    }

    private static func hex(_ value: UInt64, digits: Int) -> String {
        String(unsafeUninitializedCapacity: digits) { buffer in
            for index in 0..<digits {
                buffer[index] = Hex.digits[Int(value >> UInt64(4 * (digits - 1 - index)) & 15)]
            }
            return digits
        }
    }

    /// The first 12 hex digits.
    public var short: String { Self.hex(high >> 16, digits: 12) }

    /// The uuid form, lower case.
    public var description: String {
        let a = Self.hex(high >> 32, digits: 8), b = Self.hex(high >> 16 & 0xFFFF, digits: 4)
        let c = Self.hex(high & 0xFFFF, digits: 4), d = Self.hex(low >> 48, digits: 4)
        return "\(a)-\(b)-\(c)-\(d)-\(Self.hex(low & 0xFFFF_FFFF_FFFF, digits: 12))"
    }

    public init?(uuid text: String) {
        let hex = Array(text.utf8)
        guard hex.count == 36, [8, 13, 18, 23].allSatisfy({ hex[$0] == UInt8(ascii: "-") }) else {
            return nil
        }
        let digits = String(decoding: hex.filter { $0 != UInt8(ascii: "-") }, as: UTF8.self)
        guard digits.utf8.count == 32, let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}

/// A task as a client names it, in whichever spelling.
public struct TaskReference: Sendable, Hashable {
    /// 12 lower-case hex digits: what all spellings share.
    public let short: String

    public init(_ id: TaskID) { short = id.short }

    /// Reads a uuid, `task_` and a uuid, 32 hex digits, or anything that ends in `-` or `_` and 12 hex
    /// digits. Nil for everything else.
    public init?(_ spelling: String) {
        let utf8 = spelling.utf8
        func isHex(_ bytes: Substring.UTF8View) -> Bool {
            bytes.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        }
        let word = "task_"
        let tail = spelling.hasPrefix(word) ? spelling.dropFirst(word.count) : spelling[...]
        if tail.utf8.count == 36, let id = TaskID(uuid: tail.lowercased()) {
            short = id.short
        } else if utf8.count == 32, isHex(utf8[...]) {
            short = String(Substring(utf8.prefix(12)))
        } else if utf8.count > 13, utf8.count <= 128, isHex(utf8.suffix(12)),
            let mark = utf8.dropLast(12).last, mark == UInt8(ascii: "-") || mark == UInt8(ascii: "_")
        {
            short = String(Substring(utf8.suffix(12)))
        } else {
            return nil
        }
    }
}
