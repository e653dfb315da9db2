import Core
import TestSupport
import Testing

@Suite struct JSONFuzzTests {
    private static let tokens: [[UInt8]] =
        [
            "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "\\uD83D", "\\uDE39", "\\u0000", "\\n", "null",
            "true", "-", "0", "1e5", ".5", "e", "9223372036854775808", " ", "\n", "\u{0}", "\u{1}",
            "\u{FEFF}", "猫", "\"a\":1,",
        ].map { Array($0.utf8) } + [[0xC3], [0xFF], [0xED, 0xA0, 0x80], [0xF4, 0x90]]

    private static func value(_ random: inout SplitMix64, depth: Int = 0) -> JSON {
        switch depth == 0 ? 6 : random.below(depth > 3 ? 5 : 7) {
        case 0: return .null
        case 1: return .bool(random.chance(50))
        case 2: return .integer(random.pick([0, -1, 15, .min, .max, Int64(bitPattern: random.next())]))
        case 3: return .decimal(random.pick(["-0", "0.5", "1e10", "1.50", "-2.5E-3", "9223372036854775808"]))
        case 4: return .string(text(&random))
        case 5: return .array((0..<random.below(4)).map { _ in value(&random, depth: depth + 1) })
        default:
            var object = JSONObject()
            for _ in 0..<random.below(random.chance(10) ? 12 : 5) {
                object[text(&random)] = value(&random, depth: depth + 1)
            }
            return .object(object)
        }
    }

    private static func text(_ random: inout SplitMix64) -> String {
        let pieces = [
            "", "a", "prompt", "\"", "\\", "\n", "\u{1}", "猫", "😹", "e\u{301}", "/", "\u{FEFF}", "\u{2028}",
        ]
        return (0..<random.below(4)).map { _ in random.pick(pieces) }.joined()
    }

    @Test func aWrittenValueParsesToItself() throws {
        for seed in 0..<UInt64(Fuzz.rounds) {
            var random = SplitMix64(seed: seed)
            let value = Self.value(&random)
            let bytes = value.serialized()
            let back = try JSONParser.parse(bytes)
            try #require(back == value, "seed \(seed)")
            try #require(back.serialized() == bytes, "seed \(seed)")
        }
    }

    @Test func aSpoiltTextIsRefusedOrMeansWhatItIsWrittenAs() throws {
        for seed in 0..<UInt64(Fuzz.rounds) {
            var random = SplitMix64(seed: seed)
            var bytes = Self.value(&random).serialized()
            Fuzz.mutate(&bytes, tokens: Self.tokens, &random)
            let value: JSON
            do throws(KinoraError) {
                value = try JSONParser.parse(bytes)
            } catch {
                try #require(error.code == .malformedRequest, "seed \(seed)")
                continue
            }
            let written = value.serialized()
            try #require(JSONParser.parse(written) == value, "seed \(seed)")
            try #require(JSONParser.parse(written).serialized() == written, "seed \(seed)")
        }
    }
}
