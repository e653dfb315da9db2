import Core
import Testing

@Suite struct MicrosTests {
    @Test(arguments: [
        (0, "0"), (1, "0.000001"), (1_000_000, "1"), (12_500_000, "12.5"), (-1_250_000, "-1.25"),
        (100_000, "0.1"), (Int64.max, "9223372036854.775807"), (Int64.min, "-9223372036854.775808"),
    ])
    func areReadAsDecimals(_ micros: Int64, _ text: String) { #expect(Micros.text(micros) == text) }
}
