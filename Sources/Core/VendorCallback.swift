/// A vendor's word that something happened to a task. Its address says to which, and its body is not read.
public struct VendorCallback: Sendable {
    public let token: String
    /// Path and query as they were sent.
    public let target: String
    /// The headers by which vendors sign; names in lower case.
    public let headers: [String: String]

    public init(token: String, target: String, headers: [String: String] = [:]) {
        self.token = token
        self.target = target
        self.headers = headers
    }
}
