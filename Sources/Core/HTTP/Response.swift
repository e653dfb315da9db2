/// One HTTP answer. nginx adds the request id and the security headers; media bodies are nginx's too
/// (`internalFile`).
public struct Response: Sendable {
    public var status: Int
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// A path of one of nginx's internal locations: nginx sends the bytes, with Range, HEAD and ETag.
    public var internalFile: String?
    /// What follows `body`, piece by piece; nil: nothing.
    public var stream: BodyStream?

    public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    public static let jsonType = (name: "Content-Type", value: "application/json")

    public static func json(_ json: JSON, status: Int = 200) -> Response {
        Response(status: status, headers: [jsonType], body: json.serialized())
    }

    public func adding(_ name: String, _ value: String) -> Response {
        var copy = self
        copy.headers.append((name, value))
        return copy
    }
}
