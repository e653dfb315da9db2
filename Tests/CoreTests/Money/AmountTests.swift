import Core
import TestSupport
import Testing

@Suite struct AmountTests {
    @Test(
        arguments: [
            ("0", 0), ("12", 12_000_000), ("0.5", 500_000), ("12.000001", 12_000_001), ("007.10", 7_100_000),
            ("9223372036854.775807", .max),
        ] as [(String, Int64)])
    func unitsAreReadExactly(_ text: String, _ micros: Int64) {
        #expect(Amount(text)?.micros == micros)
    }

    @Test(arguments: [
        "", ".", ".5", "5.", "1.0000001", "-1", "+1", "1e3", "1,5", " 1", "1 ", "0x10", "１", "1.5.0", "1.-5",
        "9223372036854.775808", "9999999999999999999999", "NaN", "١",
    ])
    func whatIsNoAmountIsRefused(_ text: String) {
        #expect(Amount(text) == nil, "\(text)")
    }

    @Test(
        arguments: [
            (0, "0"), (1, "0.000001"), (500_000, "0.5"), (12_000_000, "12"), (-1_500_000, "-1.5"),
            (.max, "9223372036854.775807"), (.min, "-9223372036854.775808"),
        ] as [(Int64, String)])
    func unitsAreWrittenWithoutSuperfluousDigits(_ micros: Int64, _ text: String) {
        #expect(Amount(micros: micros).description == text)
    }

    @Test func whatIsWrittenIsReadBack() {
        var random = SplitMix64(seed: 7)
        for _ in 0..<2000 {
            let amount = Amount(
                micros: Int64(random.next() >> UInt64(1 + Int.random(in: 0..<62, using: &random))))
            #expect(Amount(amount.description) == amount)
        }
    }
}
