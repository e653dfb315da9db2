/// A code that adds to the quota of whoever redeems it first: `REDEEM-XXXX-XXXX`, 8 letters of 31, none of
/// which looks like another. That is 39 bits: enough where ten wrong ones an hour are all that a key may try.
public struct RedemptionCode: Sendable {
    private static let alphabet = Array("23456789ABCDEFGHJKMNPQRSTUVWXYZ")
    private static let head = "REDEEM"

    private let text: String

    /// A fresh code from the system's random source.
    public static func random() -> RedemptionCode {
        let letters = (0..<8).map { _ in alphabet.randomElement()! }
        return RedemptionCode(text: "\(head)-\(String(letters[..<4]))-\(String(letters[4...]))")
    }

    private init(text: String) { self.text = text }

    /// As people type it: blanks around it and small letters do not matter. Nil for what no code looks like.
    public init?(_ given: String) {
        let words = given.split(whereSeparator: \.isWhitespace)
        guard words.count == 1, words[0].utf8.allSatisfy({ $0 < 0x80 }),
            case let text = words[0].uppercased(), text.utf8.count == 16,
            case let parts = text.split(separator: "-", omittingEmptySubsequences: false), parts.count == 3,
            parts[0] == Self.head,
            parts[1...].allSatisfy({ $0.count == 4 && $0.allSatisfy(Self.alphabet.contains) })
        else { return nil }
        self.text = text
    }

    /// The code, for the one time it is shown, and for its hash.
    public func revealed() -> String { text }
}
