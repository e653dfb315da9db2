/// A call that is described in the body of another one: where its body would be sent, and that body. Spelled
/// like the lines of OpenAI's batches, `url` and `body`.
public struct EnclosedCall: Sendable {
    /// Path and query, as a request line has them.
    public let target: String
    /// A JSON object, as the client spells it: what is held for a text model's answer depends on that.
    public let body: [UInt8]

    /// Where a call goes that names no address.
    private static let usualTarget = "/v1/videos"

    /// Throws `invalidValue` or `missingParameter`, with the name of the member that is wrong.
    public init(_ outline: JSONOutline) throws(KinoraError) {
        if let method = try outline.shortText("method"), method != "POST" {
            throw KinoraError(.invalidValue, "'method' must be POST.", field: "method")
        }
        target = try outline.shortText("url") ?? Self.usualTarget
        guard outline.firstByte("body") == UInt8(ascii: "{"), let body = outline.spelling(of: "body") else {
            throw KinoraError(.missingParameter, "body is required, an object", field: "body")
        }
        self.body = body
    }
}

extension JSONOutline {
    /// The text of a member; nil where there is none, or null. Throws `invalidValue` for one that is empty or
    /// longer than names are.
    func shortText(_ member: String) throws(KinoraError) -> String? {
        guard let value = try value(member), !value.isNull else { return nil }
        let most = Limits.nameCharactersMax
        guard let text = value.stringValue, !text.isEmpty, text.unicodeScalars.count <= most else {
            throw KinoraError(
                .invalidValue, "'\(member)' must be a text of 1 to \(most) characters.", field: member)
        }
        return text
    }
}
