internal import Core

/// The events of one chat of `SoraChatSandbox`.
struct SoraChatStream {
    private let createdAt: Timestamp
    /// Whether it speaks as the service's later kin do: of progress in objects, and at the end in JSON.
    private let isJSON: Bool

    init(at createdAt: Timestamp, isJSON: Bool) {
        self.createdAt = createdAt
        self.isJSON = isJSON
    }

    private func chunk(_ delta: JSONObject, finish: String? = nil) -> JSON {
        [
            "id": JSON("chatcmpl-\(createdAt.microseconds / 1000)"), "object": "chat.completion.chunk",
            "created": .integer(createdAt.seconds), "model": "sora",
            "choices": [
                ["index": 0, "delta": .object(delta), "finish_reason": JSON(finish)]
            ],
        ]
    }

    private func progress(_ words: String, percent: Int, isFirst: Bool = false) -> JSON {
        var delta: JSONObject = isFirst ? ["role": "assistant"] : [:]
        let told: JSON =
            isJSON
            ? [
                "stage": "generation", "status": isFirst ? "started" : "processing",
                "progress": JSON(percent), "message": JSON(words),
            ] : JSON("**\(words)**: \(percent)% (processing)\n")
        delta["content"] = JSON.null
        delta["reasoning_content"] = told
        return chunk(delta)
    }

    private func last(_ content: String) -> JSON {
        chunk(
            ["content": JSON(content), "reasoning_content": .null], finish: isJSON ? "stop" : "STOP")
    }

    var begun: [JSON] {
        [
            progress("Generation Process Begins", percent: 0, isFirst: true),
            progress("Generation Progress", percent: 50),
        ]
    }

    func film(_ link: String) -> JSON {
        let object: JSON = ["type": "video", "url": JSON(link)]
        return last(isJSON ? object.text : "```html\n<video src='\(link)' controls></video>\n```")
    }

    func pictures(_ links: [String]) -> JSON {
        last(links.map { "![Generated Image](\($0))" }.joined(separator: "\n"))
    }

    var refused: [JSON] {
        let words = "The request violates the content policy."
        return [
            chunk(["role": "assistant", "reasoning_content": JSON("[error] (error) 0% \(words)")]),
            last(words),
        ]
    }

    /// An error in the place of more.
    static func trouble(_ words: String) -> JSON {
        ["error": ["message": JSON(words), "type": "server_error", "param": .null, "code": .null]]
    }

    static func response(_ events: [JSON]) -> Response {
        let text = events.map { "data: \($0.text)\n\n" }.joined() + "data: [DONE]\n\n"
        return Response(
            status: 200, headers: [("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache")],
            body: Array(text.utf8))
    }
}
