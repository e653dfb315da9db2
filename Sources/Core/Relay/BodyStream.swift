/// A body that is still on its way. One thread reads it; whoever stops before its end must `abandon` it.
public struct BodyStream: Sendable {
    /// The next bytes; nil at the end. Blocks until there are any. Throws what ends it early.
    public let next: @Sendable () throws(KinoraError) -> [UInt8]?
    /// Nobody reads it any more.
    public let abandon: @Sendable () -> Void

    public init(
        next: @escaping @Sendable () throws(KinoraError) -> [UInt8]?, abandon: @escaping @Sendable () -> Void
    ) {
        self.next = next
        self.abandon = abandon
    }
}
