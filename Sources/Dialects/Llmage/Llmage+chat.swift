import Core

/// Chats: a prompt in the words of this API, as a request in OpenAI's.
extension Llmage {
    /// The request in OpenAI's words. What this API does not name stays as it is.
    static func chat(_ body: RequestBody) throws(KinoraError) -> RelayRequest {
        guard case .raw(let bytes) = body else {
            throw KinoraError(.malformedRequest, "The body must be a JSON object.")
        }
        let outline = try JSONOutline(bytes)
        guard let model = try text("model", outline) else { throw missing("model") }
        let category = try text("catelogid", outline) ?? Category.t2t.rawValue
        guard category == Category.t2t.rawValue else { throw KinoraError.modelNotFound(model) }
        let system = try message("sys_prompt", of: "system", outline, bytes)
        var added: [(name: String, value: [UInt8])] = []
        var removed: Set = ["catelogid", "prompt", "sys_prompt"]
        if let user = try message("prompt", of: "user", outline, bytes) {
            let both = [system, user].compactMap(\.self)
            added = [("messages", [0x5B] + both.joined(separator: [0x2C]) + [0x5D])]
            removed.insert("messages")
        } else if let place = outline["messages"], outline.firstByte("messages") == UInt8(ascii: "[") {
            if let system {
                let rest = bytes[place].dropFirst().drop { " \t\r\n".utf8.contains($0) }
                let comma = rest.first == UInt8(ascii: "]") ? [] : [UInt8(ascii: ",")]
                added = [("messages", [0x5B] + system + comma + rest)]
                removed.insert("messages")
            }
        } else if !outline.has("messages") {
            throw missing("prompt")
        }
        return try RelayRequest(.chat, outline.text(adding: added, without: removed))
    }

    /// Nil when missing, null or empty.
    private static func text(_ name: String, _ outline: JSONOutline) throws(KinoraError) -> String? {
        guard let value = try outline.value(name), !value.isNull else { return nil }
        guard let text = value.stringValue else {
            throw KinoraError(
                .invalidValue, "'\(name)' must be a string, not \(value.kindName).", field: name)
        }
        return text.isEmpty ? nil : text
    }

    /// A message whose text is spelled as the client spelled it.
    private static func message(
        _ name: String, of role: String, _ outline: JSONOutline, _ bytes: [UInt8]
    ) throws(KinoraError) -> [UInt8]? {
        guard try text(name, outline) != nil, let place = outline[name] else { return nil }
        return Array(#"{"role":"\#(role)","content":"#.utf8) + bytes[place] + Array("}".utf8)
    }
}
