internal import Core

/// Ids in forms that several vendors have.
enum VendorID {
    /// 32 hex digits in five groups.
    static func uuid() -> String {
        let digits = Array(Hex.text((0..<16).map { _ in UInt8.random(in: .min ... .max) }))
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }
}
