import Core

/// A chat whose answer is a character: what it is called, as the clients of the model's family know it, and
/// beside it `metadata`, as Sora2API has it.
struct CharacterChat: Sendable {
    let cameo: Cameo
    let format: MediaChat.Format

    private func object(_ name: String, _ choices: [JSON]) -> JSON {
        [
            "id": .string("chatcmpl-\(cameo.uid.short)"), "object": .string(name),
            "created": .integer(cameo.createdAt.seconds), "model": .string(cameo.model),
            "choices": .array(choices),
        ]
    }

    private var metadata: JSON {
        [
            "cameo_id": JSON(cameo.cameoID), "character_id": .string(cameo.id),
            "username": .string(cameo.username), "display_name": .string(cameo.displayName),
        ]
    }

    private var content: String {
        switch format {
        case .json:
            var object: JSONObject = ["type": "character"]
            for (name, value) in metadata.objectValue?.members ?? [] { object[name] = value }
            return JSON.object(object).text
        case .markdown: return "Character created: @\(cameo.username)"
        }
    }

    func completion() -> JSON {
        let message: JSON = [
            "role": "assistant", "content": .string(content), "metadata": metadata,
        ]
        return object("chat.completion", [["index": 0, "message": message, "finish_reason": "stop"]])
    }

    /// The same as events. Nothing is told before it is made: there is nothing to tell.
    func events() -> [UInt8] {
        let words = "The character is made."
        let progress: JSON =
            format == .markdown
            ? .string(words + "\n")
            : [
                "stage": "character_creation", "status": "completed", "progress": 100,
                "message": .string(words),
            ]
        return event(["role": "assistant", "content": .null, "reasoning_content": progress], finish: .null)
            + event(["content": .string(content), "metadata": metadata], finish: "stop")
            + Array("data: [DONE]\n\n".utf8)
    }

    private func event(_ delta: JSONObject, finish: JSON) -> [UInt8] {
        let choice: JSON = ["index": 0, "delta": .object(delta), "finish_reason": finish]
        return Array("data: ".utf8) + object("chat.completion.chunk", [choice]).serialized()
            + Array("\n\n".utf8)
    }
}
