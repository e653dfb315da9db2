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
    /// What follows `body` without ever being in memory as a whole.
    public var pieces: [Piece] = []

    public enum Piece: Sendable {
        case bytes([UInt8])
        /// A file's bytes, as base64.
        case base64(any LocalFile)
    }

    /// Bytes of body and pieces.
    public var length: Int64 {
        pieces.reduce(Int64(body.count)) { sum, piece in
            switch piece {
            case .bytes(let bytes): sum + Int64(bytes.count)
            case .base64(let file): sum + (file.bytes + 2) / 3 * 4
            }
        }
    }

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
