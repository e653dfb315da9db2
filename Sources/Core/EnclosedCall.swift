/// A call that is described in the body of another one: where its body would be sent, and that body. Spelled
/// like the lines of OpenAI's batches, `url` and `body`.
public struct EnclosedCall: Sendable {
    /// Path and query, as a request line has them.
    public let target: String
    /// A JSON object.
    public let body: JSON

    /// Where a call goes that names no address.
    private static let usualTarget = "/v1/videos"

    /// Throws `invalidValue` or `missingParameter`, with the name of the member that is wrong.
    public init(_ object: JSONObject) throws(KinoraError) {
        if let method = try object.name("method"), method != "POST" {
            throw KinoraError(.invalidValue, "'method' must be POST.", field: "method")
        }
        target = try object.name("url") ?? Self.usualTarget
        guard let body = object["body"], body.objectValue != nil else {
            throw KinoraError(.missingParameter, "body is required, an object", field: "body")
        }
        self.body = body
    }
}

extension JSONObject {
    /// The text of a member; nil where there is none, or null. Throws `invalidValue` unless it has 1 to 128
    /// characters.
    func name(_ member: String) throws(KinoraError) -> String? {
        guard let value = self[member], !value.isNull else { return nil }
        guard let text = value.stringValue, !text.isEmpty, text.unicodeScalars.count <= 128 else {
            throw KinoraError(
                .invalidValue, "'\(member)' must be a text of 1 to 128 characters.", field: member)
        }
        return text
    }
}
