public import Core

extension OpenAIImages {
    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        switch outcome {
        case .accepted(let task): return fresh(Self.task(task, exchange), status: 202)
        case .task(let task): return fresh(Self.task(task, exchange))
        case .report(let report): return encode(.task(report.task), for: exchange)
        case .following(let course): return events(of: course, for: exchange)
        case .results(let task, let made): return Self.results(task, made, exchange)
        case .deleted(let task):
            return fresh(["id": .string(Self.id(task)), "object": "task.deleted", "deleted": true])
        case .limited(let outcome, let allowance): return encode(outcome, for: exchange).adding(allowance)
        default: return OpenAIVideos().encode(outcome, for: exchange)
        }
    }

    private func fresh(_ json: JSON, status: Int = 200) -> Response {
        Response(
            status: status, headers: [Response.jsonType, OpenAIVideos.noStore], body: json.serialized())
    }

    private static func id(_ task: MediaTask) -> String { "task_\(task.id)" }

    private static func status(_ state: TaskState) -> String {
        switch state {
        case .queued: "queued"
        case .running, .storing: "running"
        case .succeeded: "succeeded"
        case .failed, .expired, .cancelled: "failed"
        }
    }

    private static func task(_ task: MediaTask, _ exchange: Exchange) -> JSON {
        var object: JSONObject = [
            "id": .string(id(task)), "object": "task", "type": .string(task.kind.rawValue),
            "status": .string(status(task.state)), "progress": JSON(task.progress),
            "model": .string(task.model), "created": .integer(task.createdAt.seconds),
        ]
        if let end = task.finishedAt { object["finished"] = .integer(end.seconds) }
        if task.state == .succeeded {
            object["result_url"] = .string("\(exchange.origin)/v1/tasks/\(id(task))/result")
        }
        if let failure = task.failure {
            object["error"] = [
                "message": .string(failure.message), "code": .string(OpenAIVideos.code(failure)),
            ]
        } else if task.state == .cancelled {
            object["error"] = ["message": "The task was cancelled.", "code": "cancelled"]
        }
        return .object(object)
    }

    /// Pictures as base64 are many megabytes: they go out as they are read.
    static func results(_ task: MediaTask, _ made: [MadeMedia], _ exchange: Exchange) -> Response {
        let created = (task.finishedAt ?? task.createdAt).seconds
        var response = Response(status: 200, headers: [Response.jsonType, OpenAIVideos.noStore])
        var text = Array("{\"created\":\(created),\"data\":[".utf8)
        for (index, item) in made.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            switch item.body {
            case .link(let path):
                text += Array("{\"url\":".utf8) + JSON.string(exchange.origin + path).serialized()
            case .file(let file):
                text += Array("{\"b64_json\":\"".utf8)
                response.pieces += [.bytes(text), .base64(file)]
                text = [UInt8(ascii: "\"")]
            }
            if let revised = item.revisedPrompt {
                text += Array(",\"revised_prompt\":".utf8) + JSON.string(revised).serialized()
            }
            text.append(UInt8(ascii: "}"))
        }
        response.pieces.append(.bytes(text + Array("]}".utf8)))
        return response
    }
}
