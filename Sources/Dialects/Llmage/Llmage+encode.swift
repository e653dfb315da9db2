public import Core

extension Llmage {
    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        switch outcome {
        case .accepted(let task): return fresh(["taskid": .string(task.id.description), "status": "CREATED"])
        case .acceptedWaiting(let task, let seconds):
            var response = Response(status: 200)
            response.internalFile = "/_await/llmage/v1/tasks?taskid=\(task.id)&wait=\(seconds)"
            return response
        case .following(let course): return events(of: course, for: exchange)
        case .report(let report): return fresh(Self.object(report, exchange))
        case .models(let models):
            let category = exchange.path?.query["catelogid"].flatMap { $0.isEmpty ? nil : $0 }
            let fit = models.filter { model in
                category.map { word in model.rules.keys.contains { $0.rawValue == word } } ?? true
            }
            return fresh(["object": "list", "data": .array(fit.map(Self.model))])
        case .relayed(let answer):
            return OpenAIText().encode(.relayed(Self.told(answer)), for: exchange)
        case .relaying(let stream):
            let told = BodyStream(
                next: { () throws(KinoraError) in try stream.next().map(Self.told(events:)) },
                abandon: stream.abandon)
            return OpenAIText().encode(.relaying(told), for: exchange)
        case .limited(let outcome, let allowance): return encode(outcome, for: exchange).adding(allowance)
        default: return OpenAIVideos().encode(outcome, for: exchange)
        }
    }

    private func fresh(_ json: JSON) -> Response {
        Response(
            status: 200, headers: [Response.jsonType, OpenAIVideos.noStore], body: json.serialized())
    }

    private static func model(_ model: Model) -> JSON {
        [
            "id": .string(model.id), "object": "model", "created": .integer(model.createdAt.seconds),
            "owned_by": .string(model.family == "llmage" ? "opencomputing.ai" : model.family),
            "catelogid": .array(model.rules.keys.map(\.rawValue).sorted().map(JSON.string)),
            "description": .string(model.title),
        ]
    }

    // Tasks

    private static func status(_ state: TaskState) -> String {
        switch state {
        case .queued: "PENDING"
        case .running, .storing: "RUNNING"
        case .succeeded: "SUCCEEDED"
        case .failed, .expired, .cancelled: "FAILED"
        }
    }

    private static func object(_ report: TaskReport, _ exchange: Exchange) -> JSON {
        let task = report.task
        var object: JSONObject = [
            "taskid": .string(task.id.description), "status": .string(status(task.state)),
        ]
        if task.state == .succeeded { object["usage"] = usage(of: task) }
        if let link = report.links.first {
            object[task.kind == .image ? "image" : "video"] = .string(exchange.origin + link)
        }
        // The API's document knows one picture; others that were asked for are there as well.
        if task.kind == .image, !report.links.isEmpty {
            object["images"] = .array(report.links.map { .string(exchange.origin + $0) })
        }
        if status(task.state) == "FAILED" {
            object["error"] = .string(task.failure?.message ?? "The task was cancelled.")
        }
        return .object(object)
    }

    /// What was made, and what it cost.
    private static func usage(of task: MediaTask) -> JSON {
        var usage: JSONObject = [
            "action": .string(task.category.rawValue),
            "credits": JSON(units: task.price), "type": .string(type(task.category)),
            "model": .string(task.model),
        ]
        usage["resolution"] = task.parameters["resolution"] ?? task.parameters["size"]
        usage["off_peak"] = .bool(task.parameters.isOffPeak)
        usage["duration"] = task.parameters["seconds"]
        return .object(usage)
    }

    private static func type(_ category: Category) -> String {
        switch category {
        case .t2i: "text2image"
        case .i2i: "image2image"
        case .t2v: "text2video"
        case .i2v: "image2video"
        case .ref2v: "reference2video"
        case .v2v: "video2video"
        case .t2t: "text2text"
        case .t2e: "text2embedding"
        }
    }

    // Chats: OpenAI's answers, with the text beside the choices

    private static func told(_ answer: [UInt8]) -> [UInt8] {
        guard let outline = try? JSONOutline(answer) else { return answer }
        let message = choice(outline)?["message"]
        return outline.adding([("content", content(message)), ("finish", "1")])
    }

    /// Whole events, one after the other.
    private static func told(events: [UInt8]) -> [UInt8] {
        var splitter = EventSplitter()
        let whole = (try? splitter.take(events)) ?? []
        return whole.flatMap(told(event:)) + splitter.takeRest()
    }

    private static func told(event: [UInt8]) -> [UInt8] {
        guard let data = EventSplitter.data(of: event), let outline = try? JSONOutline(data),
            outline.has("choices")
        else { return event }
        let choice = choice(outline)
        // After its end comes, without a choice, what was used. Some begin without one.
        let hasUsage = ((try? outline.value("usage")) ?? nil)?.objectValue != nil
        let hasEnded = choice.map { $0["finish_reason"] ?? .null != .null } ?? hasUsage
        let chunk = outline.adding([
            ("reasoning_content", choice?["delta"]?["reasoning_content"] ?? .null),
            ("content", content(choice?["delta"])), ("finish", hasEnded ? "1" : "0"),
        ])
        // What stands on several lines of data goes onto one; no text of JSON holds a line's end as it is.
        let line = chunk.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
        return others(of: event) + Array("data: ".utf8) + line + [0x0A, 0x0A]
    }

    /// The lines of an event that hold no data.
    private static func others(of event: [UInt8]) -> [UInt8] {
        event.split { $0 == 0x0A || $0 == 0x0D }.filter { !$0.starts(with: "data:".utf8) }
            .flatMap { $0 + [0x0A] }
    }

    private static func choice(_ outline: JSONOutline) -> JSON? {
        ((try? outline.value("choices")) ?? nil)?.arrayValue?.first
    }

    private static func content(_ message: JSON?) -> JSON {
        .string(message?["content"]?.stringValue ?? "")
    }
}

extension JSONOutline {
    /// With these members as well, but for those that are there already.
    fileprivate func adding(_ members: [(name: String, value: JSON)]) -> [UInt8] {
        text(adding: members.filter { self[$0.name] == nil }.map { ($0.name, $0.value.serialized()) })
    }
}
