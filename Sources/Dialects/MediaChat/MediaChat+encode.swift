import Core

extension MediaChat {
    /// Ends like the task's other ids: it finds the task as well.
    private var id: JSON { .string("chatcmpl-\(task.id.short)") }

    /// The whole answer. No tokens were used, so none are told.
    func completion(_ made: [MadeMedia]) -> JSON {
        let links = made.compactMap { item in
            if case .link(let path) = item.body { path } else { nil }
        }
        return object(
            "chat.completion",
            [
                [
                    "index": 0, "message": ["role": "assistant", "content": .string(content(links))],
                    "finish_reason": "stop",
                ]
            ])
    }

    private func object(_ name: String, _ choices: [JSON], usage: JSON? = nil) -> JSON {
        var object: JSONObject = [
            "id": id, "object": .string(name), "created": .integer(task.createdAt.seconds),
            "model": .string(task.model), "choices": .array(choices),
        ]
        object["usage"] = usage
        return .object(object)
    }

    /// Names what has been made.
    private func content(_ links: [String]) -> String {
        let urls = links.map { origin + $0 }
        let kind = task.kind.rawValue
        switch format {
        case .json:
            var object: JSONObject = ["type": .string(kind), "url": JSON(urls.first)]
            if urls.count > 1 { object["urls"] = .array(urls.map(JSON.string)) }
            return JSON.object(object).text
        case .markdown:
            let names = urls.indices.map { urls.count > 1 ? "\(kind)_\($0)" : kind }
            let lines = zip(names, urls).map { "![\($0)](\($1))" }.joined(separator: "\n")
            // Few readers of Markdown play videos.
            return task.kind == .video ? lines + "\n\n" + urls.joined(separator: "\n") : lines
        }
    }

    // Events

    /// `usage`: the client wants an event that says what was used.
    func events(_ news: TaskCourse.News, usage: Bool) -> [UInt8] {
        switch news {
        case .begun(let task):
            event(chunk(["role": "assistant", "content": .null, "reasoning_content": progress(task)]))
        case .changed(let task): event(chunk(["reasoning_content": progress(task)]))
        case .silence: Array(": still at work\n\n".utf8)
        case .ended(let report):
            event(chunk(["content": .string(content(report.links))], finish: "stop"))
                + (usage ? event(object("chat.completion.chunk", [], usage: Self.noTokens)) : [])
                + Array("data: [DONE]\n\n".utf8)
        }
    }

    private static let noTokens: JSON = ["prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0]

    private func event(_ json: JSON) -> [UInt8] {
        Array("data: ".utf8) + json.serialized() + Array("\n\n".utf8)
    }

    private func chunk(_ delta: JSONObject, finish: JSON = .null) -> JSON {
        object(
            "chat.completion.chunk", [["index": 0, "delta": .object(delta), "finish_reason": finish]])
    }

    /// Sora2API's clients know an object; others show the field as a text, the way a model thinks aloud.
    private func progress(_ task: MediaTask) -> JSON {
        let (stage, status, message) =
            switch task.state {
            case .queued: ("generation", "started", "Waiting to be started.")
            case .storing: ("cache", "processing", "Storing the \(task.kind.rawValue).")
            default: ("generation", "processing", "Making the \(task.kind.rawValue): \(task.progress) %.")
            }
        guard format == .json else { return .string(message + "\n") }
        return [
            "stage": .string(stage), "status": .string(status), "progress": JSON(task.progress),
            "message": .string(message),
        ]
    }
}
