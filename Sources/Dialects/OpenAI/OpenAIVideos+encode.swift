public import Core

extension OpenAIVideos {
    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        switch outcome {
        case .accepted(let task):
            // Clients of this API expect a new video to be under way at once, queued or not.
            return fresh(Self.video(task, status: "in_progress"), status: exchange.options.videoCreatedStatus)
        case .acceptedWaiting(let task, let seconds):
            var response = Response(status: 200)
            response.internalFile = "/_await/v1/videos/\(task.id)?await=\(seconds)"
            return response
        case .task(let task): return fresh(Self.video(task, status: Self.status(task.state)))
        case .results(let task, let made): return OpenAIImages.results(task, made, exchange)
        case .tasks(let tasks, let hasMore):
            return fresh([
                "object": "list", "data": .array(tasks.map { Self.video($0, status: Self.status($0.state)) }),
                "first_id": JSON(tasks.first.map { Self.id($0.id, $0.model) }),
                "last_id": JSON(tasks.last.map { Self.id($0.id, $0.model) }), "has_more": .bool(hasMore),
            ])
        case .content(let media, let place): return Self.content(media, place)
        case .link(let target): return Response(status: 302, headers: [("Location", target), Self.noStore])
        case .deleted(let task):
            return .json([
                "id": .string(Self.id(task.id, task.model)), "object": "video.deleted", "deleted": true,
            ])
        case .estimate(let estimate):
            return fresh([
                "object": "estimate", "model": .string(estimate.model),
                "cost_micros": .integer(estimate.cost.micros), "quota": Self.quota(estimate.quota),
            ])
        case .quota(let quota): return fresh(Self.quota(quota))
        case .redeemed(let added, let quota):
            return fresh([
                "object": "redemption", "added_micros": .integer(added.micros), "quota": Self.quota(quota),
            ])
        case .relayed, .relaying, .told, .telling, .toldCameo:
            preconditionFailure("no route of this dialect is a chat")
        case .following(let course): return events(of: course, for: exchange)
        case .models(let models): return .json(["object": "list", "data": .array(models.map(Self.model))])
        case .model(let model): return .json(Self.model(model))
        case .noted, .nothingNew, .needsPatience: return Response(status: 204)
        // Nothing here asks for them.
        case .batch: return Response(status: 204)
        case .report(let report): return encode(.task(report.task), for: exchange)
        case .reports, .stats, .credits, .bridged, .madeCameo, .cameos, .cameo, .deletedCameo, .callerStats:
            return Response(status: 204)
        case .health(let health):
            let body: JSON = [
                "status": health.isDatabaseUp ? "ok" : "error", "version": .string(health.version),
                "checks": ["db": health.isDatabaseUp ? "ok" : "error", "redis": "disabled"],
            ]
            return .json(body, status: health.isDatabaseUp ? 200 : 503).adding("Cache-Control", "no-store")
        case .limited(let outcome, let allowance): return encode(outcome, for: exchange).adding(allowance)
        }
    }

    static let noStore = (name: "Cache-Control", value: "no-store")

    private func fresh(_ json: JSON, status: Int = 200) -> Response {
        Response(status: status, headers: [Response.jsonType, Self.noStore], body: json.serialized())
    }

    /// nginx sends the bytes and adds Content-Length, ETag, Last-Modified, and Range.
    private static func content(_ media: StoredMedia, _ place: String) -> Response {
        var response = Response(
            status: 200,
            headers: [
                ("Content-Type", media.type.rawValue), ("Cache-Control", "private, max-age=86400"),
                (
                    "Content-Disposition",
                    "inline; filename=\"\(media.sha256.prefix(16)).\(media.type.fileExtension)\""
                ),
            ])
        response.internalFile = place
        return response
    }

    /// One path segment, whatever an operator calls a model.
    static func id(_ id: TaskID, _ model: String) -> String {
        if model.utf8.count <= 64, model.unicodeScalars.allSatisfy(isPlain) { return model + "-" + id.short }
        let plain = model.unicodeScalars.prefix(64).map { isPlain($0) ? Character($0) : "-" }
        return "\(String(plain))-\(id.short)"
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_": true
        default: false
        }
    }

    /// Only words that clients of this API know.
    static func status(_ state: TaskState) -> String {
        switch state {
        case .queued: "queued"
        case .running, .storing: "in_progress"
        case .succeeded: "completed"
        case .failed, .expired: "failed"
        case .cancelled: "cancelled"
        }
    }

    /// Integers stay integers and `seconds` stays text: strict clients refuse anything else.
    static func video(_ task: MediaTask, status: String) -> JSON {
        var members: [(name: String, value: JSON)] = []
        members.reserveCapacity(12)
        members.append(("id", .string(id(task.id, task.model))))
        members.append(("object", "video"))
        members.append(("model", .string(task.model)))
        members.append(("status", .string(status)))
        members.append(("progress", JSON(task.progress)))
        members.append(("created_at", .integer(task.createdAt.seconds)))
        if let seconds = task.parameters["seconds"]?.integerValue {
            members.append(("seconds", .string(String(seconds))))
        }
        if let size = task.parameters["size"] { members.append(("size", size)) }
        if task.state == .succeeded, let end = task.finishedAt {
            members.append(("completed_at", .integer(end.seconds)))
        }
        members.append(("prompt", .string(task.prompt)))
        if let source = task.remixOf {
            members.append(("remixed_from_video_id", .string(id(source.id, source.model))))
        }
        if let failure = task.failure {
            members.append(
                ("error", ["message": .string(failure.message), "code": .string(code(failure))]))
        }
        return .object(JSONObject(members))
    }

    /// The two words that clients of this API know. What exactly went wrong upstream is the operator's to
    /// know.
    static func code(_ failure: TaskFailure) -> String {
        let refusal = ErrorCode.contentRefused.rawValue
        return failure.code == refusal ? refusal : ErrorCode.generationFailed.rawValue
    }

    private static func quota(_ quota: Quota) -> JSON {
        [
            "object": "quota", "total_micros": .integer(quota.total.micros),
            "used_micros": .integer(quota.used.micros), "held_micros": .integer(quota.held.micros),
            "available_micros": .integer(quota.available.micros),
        ]
    }

    private static func model(_ model: Model) -> JSON {
        [
            "id": .string(model.id), "object": "model", "created": .integer(model.createdAt.seconds),
            "owned_by": .string(model.family), "description": .string(model.title),
        ]
    }
}
