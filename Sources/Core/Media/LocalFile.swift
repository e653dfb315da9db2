/// A file of this machine that may be read for as long as somebody holds on to it.
public protocol LocalFile: AnyObject, Sendable {
    var path: String { get }
    var bytes: Int64 { get }
}
