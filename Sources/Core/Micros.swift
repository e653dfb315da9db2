/// Amounts of money and credit: whole numbers of millionths.
public enum Micros {
    public static let perUnit: Int64 = 1_000_000

    /// As a decimal number without needless zeros: `12.5`.
    public static func text(_ micros: Int64) -> String {
        let (whole, rest) = micros.magnitude.quotientAndRemainder(dividingBy: UInt64(perUnit))
        let sign = micros < 0 ? "-" : ""
        guard rest > 0 else { return "\(sign)\(whole)" }
        let digits = String(rest + UInt64(perUnit)).dropFirst()
        return "\(sign)\(whole).\(digits.replacing(/0+$/, with: ""))"
    }
}
