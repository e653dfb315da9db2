public import Core

extension Hub {
    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        switch outcome {
        case .accepted(let task): return success(["jobId": .string(Self.id(task))])
        case .acceptedWaiting(let task, let seconds):
            var response = Response(status: 200)
            response.internalFile = "/_await/api/video/status?jobId=\(Self.id(task))&wait=\(seconds)"
            return response
        case .task(let task): return success(Self.job(TaskReport(task, links: []), exchange))
        case .following(let course): return events(of: course, for: exchange)
        case .report(let report): return success(Self.job(report, exchange))
        case .quota(let quota): return success(Self.quota(quota))
        case .redeemed(let added, let quota):
            return success([
                "addedQuota": JSON(units: added), "totalQuota": .integer(Self.total(quota)),
            ])
        case .limited(let outcome, let allowance): return encode(outcome, for: exchange).adding(allowance)
        default: return OpenAIVideos().encode(outcome, for: exchange)
        }
    }

    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        let facts = error.code.facts
        let status = error.code == .revokedKey ? 403 : facts.status
        var body = Self.failure(error.message, code: error.code.rawValue)
        if let field = error.field { body["field"] = .string(field) }
        if let task = error.taskID { body["taskId"] = .string(task) }
        var response = Response.json(.object(body), status: status)
            .adding(OpenAIVideos.noStore.name, OpenAIVideos.noStore.value)
        if facts.retry == .later, [409, 429, 503].contains(status) {
            response = response.adding("Retry-After", String(error.retryAfterSeconds ?? 5))
        }
        if let allowance = error.allowance { response = response.adding(allowance) }
        return status == 401 ? response.adding("WWW-Authenticate", "Bearer") : response
    }

    /// The wrapper of every error; relays have OpenAI's words beside it (`OpenAIErrors.relayed`).
    static func failure(_ message: String, code: String) -> JSONObject {
        ["success": false, "message": .string(message), "code": .string(code), "data": .null]
    }

    private func success(_ data: JSON) -> Response {
        let body: JSON = ["success": true, "data": data]
        return Response(
            status: 200, headers: [Response.jsonType, OpenAIVideos.noStore], body: body.serialized())
    }

    private static func id(_ task: MediaTask) -> String { "job_\(task.id.short)" }

    private static func job(_ report: TaskReport, _ exchange: Exchange) -> JSON {
        let task = report.task
        let status =
            switch task.state {
            case .queued: "queued"
            case .running, .storing: "processing"
            case .succeeded: "succeeded"
            case .failed, .expired: "failed"
            case .cancelled: "cancelled"
            }
        var job: JSONObject = [
            "jobId": .string(id(task)), "status": .string(status), "progress": JSON(task.progress),
            "resultUrl": JSON(report.links.first.map { exchange.origin + $0 }),
        ]
        if let failure = task.failure { job["error"] = .string(failure.message) }
        return .object(job)
    }

    /// Micro-units of one unit of this API's quota.
    private static let unit: Int64 = 1_000_000

    private static func total(_ quota: Quota) -> Int64 { quota.total.micros / unit }

    /// Whole units, which add up: what is held counts as used until its task has failed.
    private static func quota(_ quota: Quota) -> JSON {
        let total = total(quota)
        let remaining = quota.available.micros / unit
        return [
            "totalQuota": .integer(total), "usedQuota": .integer(total - remaining),
            "remainingQuota": .integer(remaining),
        ]
    }
}
