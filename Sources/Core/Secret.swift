/// Text that must not be shown. Prints as `***` wherever it is interpolated, logged, dumped or mirrored.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let text: String

    public init(_ text: String) { self.text = text }

    public var isEmpty: Bool { text.isEmpty }
    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// A text without it, and without either half where a colon joins two: a vendor's words may quote what
    /// they refuse.
    public func blotted(outOf text: String) -> String {
        let halves = self.text.split(separator: ":", maxSplits: 1).map(String.init)
        return ([self.text] + halves).filter { $0.utf8.count >= Self.bytesMin || $0 == self.text && !isEmpty }
            .reduce(text) { $0.replacing($1, with: "***") }
    }

    /// A shorter half is a word, and may stand for itself.
    private static let bytesMin = 8

    /// The text itself. Every caller is a place where a secret leaves the process on purpose.
    public func revealed() -> String { text }
}
