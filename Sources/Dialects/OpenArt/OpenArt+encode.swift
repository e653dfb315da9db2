public import Core

extension OpenArt {
    /// This API's words for how far a task is.
    enum Progress: String, CaseIterable {
        case pending, generating, upscaling, done, failed

        init(_ task: MediaTask) {
            self =
                switch (task.state, task.phase) {
                case (.queued, _): .pending
                case (.running, .postprocessing), (.storing, _): .upscaling
                case (.running, _): .generating
                case (.succeeded, _): .done
                case (.failed, _), (.expired, _), (.cancelled, _): .failed
                }
        }

        var stages: ReportPage.Stages {
            switch self {
            case .pending: .init(states: [.queued])
            case .generating: .init(states: [.running], phases: [.submitting, .waiting])
            case .upscaling: .init(states: [.running, .storing], phases: [.postprocessing])
            case .done: .init(states: [.succeeded])
            case .failed: .init(states: [.failed, .expired, .cancelled])
            }
        }
    }

    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        switch outcome {
        case .accepted(let task):
            return fresh(["task_id": .string(task.id.description), "status": "pending"])
        case .acceptedWaiting(let task, let seconds):
            var response = Response(status: 200)
            response.internalFile = "/_await/openart/api/task/\(task.id)?wait=\(seconds)"
            return response
        case .task(let task): return fresh(Self.object(TaskReport(task, links: []), exchange))
        case .following(let course): return events(of: course, for: exchange)
        case .report(let report): return fresh(Self.object(report, exchange))
        case .reports(let reports, let total):
            return fresh(.array(reports.map { Self.object($0, exchange) }))
                .adding("X-Total-Count", String(total))
        case .stats(let stats): return fresh(Self.stats(stats))
        case .credits(let credits):
            return fresh([
                "grand_total": JSON(units: credits.quota.available),
                "credits_per_video": credits.cost.map { JSON(units: $0) } ?? .null,
                "cost_per_video_cny": .null, "updated_at": .integer(credits.readAt.seconds),
            ])
        case .limited(let outcome, let allowance): return encode(outcome, for: exchange).adding(allowance)
        default: return OpenAIVideos().encode(outcome, for: exchange)
        }
    }

    /// The envelope of OpenAI with `detail` beside it: this API's document shows none.
    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        guard error.code == .modelNotFound else { return OpenAIVideos().encode(error, for: exchange) }
        // Who speaks an API without models has sent a wrong parameter.
        return OpenAIVideos().encode(
            KinoraError(.invalidValue, error.message, field: error.field), for: exchange)
    }

    private func fresh(_ json: JSON) -> Response {
        Response(
            status: 200, headers: [Response.jsonType, OpenAIVideos.noStore], body: json.serialized())
    }

    /// What a task takes from the caller's quota: whole credits, a part of one counted as one. Nothing is
    /// taken for what has failed.
    private static func cost(of task: MediaTask) -> JSON {
        guard Progress(task) != .failed else { return 0 }
        let (credits, rest) = task.price.micros.quotientAndRemainder(dividingBy: 1_000_000)
        return .integer(rest > 0 ? credits + 1 : credits)
    }

    /// The fields of the API's document, and what else is known. There is one film: both addresses lead to
    /// it.
    private static func object(_ report: TaskReport, _ exchange: Exchange) -> JSON {
        let task = report.task
        let url = JSON(report.links.first.map { exchange.origin + $0 })
        func time(_ time: Timestamp?) -> JSON { time.map { .integer($0.seconds) } ?? .null }
        let message: String? =
            task.state == .cancelled ? "cancelled" : task.failure.map { "\($0.code): \($0.message)" }
        return [
            "id": .string(task.id.description), "status": .string(Progress(task).rawValue), "url_480p": url,
            "url_720p": url, "credit_cost": cost(of: task), "error_msg": JSON(message),
            "created_at": time(task.createdAt), "started_at": time(task.startedAt),
            "finished_at": time(task.finishedAt), "task_id": .string(task.id.description),
            "model": .string(task.model), "prompt": .string(task.prompt), "progress": JSON(task.progress),
        ]
    }

    private static func stats(_ stats: FamilyStats) -> JSON {
        [
            "pool": [
                "total_accounts": JSON(stats.accounts), "active_accounts": JSON(stats.activeAccounts),
                "total_slots": JSON(stats.slots), "used_slots": JSON(stats.usedSlots),
                "free_slots": JSON(max(0, stats.slots - stats.usedSlots)),
                "waiting_tasks": JSON(stats.waiting),
            ],
            "tasks": [
                "running": JSON(stats.running), "done": JSON(stats.succeeded), "failed": JSON(stats.failed),
                "avg_time_seconds": JSON(stats.averageSeconds),
            ],
        ]
    }
}
