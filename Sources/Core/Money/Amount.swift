/// An amount of quota: a whole number of micro-units. What a unit is worth is the operator's to say.
public struct Amount: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let micros: Int64

    public init(micros: Int64) { self.micros = micros }

    /// Most that one transfer may move, and that is a billion units.
    public static let transferMax = Amount(micros: 1_000_000_000_000_000)

    /// Reads units as people write them: `12`, `0.5`, `12.000001`. Nil for anything else, for more digits
    /// than there are, and for what does not fit.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = Self.digits(parts[0]),
            case let fraction = parts.count == 2 ? parts[1] : "0", fraction.utf8.count <= 6,
            let part = Self.digits(fraction + String(repeating: "0", count: 6 - fraction.utf8.count)),
            parts.allSatisfy({ !$0.isEmpty })
        else { return nil }
        let (units, isTooLarge) = whole.multipliedReportingOverflow(by: 1_000_000)
        let (sum, isTooLong) = units.addingReportingOverflow(part)
        guard !isTooLarge, !isTooLong else { return nil }
        micros = sum
    }

    /// Digits only: Int64 would take signs as well.
    private static func digits(_ text: some StringProtocol) -> Int64? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
    }

    /// Units, with no more digits than it takes.
    public var description: String {
        let (units, rest) = micros.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        let sign = micros < 0 ? "-" : ""
        guard rest > 0 else { return "\(sign)\(units)" }
        var fraction = String(rest + 1_000_000).dropFirst()
        while fraction.hasSuffix("0") { fraction = fraction.dropLast() }
        return "\(sign)\(units).\(fraction)"
    }

    public static func < (a: Amount, b: Amount) -> Bool { a.micros < b.micros }
}
