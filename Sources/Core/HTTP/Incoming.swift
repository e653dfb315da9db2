/// A request that is still arriving: its head, and a body to read. A FastCGI connection, or a test.
public protocol Incoming: AnyObject {
    var head: RequestHead { get }
    /// Whether nobody listens any more.
    var isClientGone: Bool { get }
    /// A descriptor that becomes readable when the client goes; nil: there is none.
    var hangUp: Int32? { get }
    /// Reads the next bytes of the body into `buffer`; 0 at its end. Throws `clientGone` when the client hung
    /// up.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(KinoraError) -> Int
}

extension Incoming {
    public var hangUp: Int32? { nil }
}
