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

    /// The text itself. Every caller is a place where a secret leaves the process on purpose.
    public func revealed() -> String { text }
}
