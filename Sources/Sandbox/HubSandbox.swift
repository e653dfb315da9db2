internal import Core

/// A video hub, below `/hub/api`: videos as jobs, and pictures and text models as OpenAI has them below
/// `/hub/api/relay/v1`. Keys that begin with `sk_sandbox` are good. Any model makes a video; addresses are
/// not fetched.
struct HubSandbox: SandboxVendor {
    let name = "hub"

    private static let relay = OpenAISandbox()
    private static let ratios = [
        "16:9": FrameSize(1280, 720), "9:16": FrameSize(720, 1280), "1:1": FrameSize(720, 720),
        "4:3": FrameSize(960, 720), "3:4": FrameSize(720, 960), "21:9": FrameSize(1680, 720),
    ]

    func newTaskID() -> String { "job_\(TaskID.random().description.replacing("-", with: ""))" }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("sk_sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let path = request.segments
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, path) {
        case (.post, ["api", "video", "submit"]): return .submit(try draft(request))
        case (.get, ["api", "video", "status"]):
            guard let id = request.query["jobId"], !id.isEmpty else {
                throw KinoraError(.missingParameter, "jobId is missing.", field: "jobId")
            }
            return .poll(id)
        case (.get, ["api", "user", "quota"]): return .credit(.subscription)
        case (.post, ["api", "relay", "v1", "images", "generations"]),
            (.post, ["api", "relay", "v1", "chat", "completions"]),
            (.post, ["api", "relay", "v1", "embeddings"]),
            (.get, ["api", "relay", "v1", "models"]):
            return try Self.relay.order(
                VendorRequest(
                    head: request.head, segments: Array(path.dropFirst(2)), query: request.query,
                    body: request.body))
        default: throw KinoraError(.routeNotFound)
        }
    }

    private func draft(_ request: VendorRequest) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(known: [
            "provider", "model", "prompt", "user_identifier", "duration", "aspect_ratio", "image_url",
            "negative_prompt",
        ])
        if let user = try fields.text("user_identifier"), user.count > 128 {
            throw fields.bad("user_identifier", "is too long")
        }
        let ratio = try fields.choice("aspect_ratio", Self.ratios.keys.sorted()) ?? "16:9"
        let picture = try fields.text("image_url").flatMap { (text) throws(KinoraError) in
            try fields.picture(text, of: "image_url", bytesMax: 15 << 20)
        }
        return Draft(
            model: try fields.text("model") ?? "auto", prompt: try fields.required("prompt"),
            seconds: try fields.integer("duration", 1...60) ?? 5,
            size: Self.ratios[ratio] ?? FrameSize(1280, 720), reference: picture,
            origin: StoreLink.origin(of: request.head))
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return said(job(view))
        case .credit(_, let limit, let used):
            let total = Int((limit ?? 10_000).rounded(.down))
            let left = max(0, total - Int(used.rounded(.up)))
            return said([
                "totalQuota": JSON(total), "usedQuota": JSON(total - left), "remainingQuota": JSON(left),
            ])
        case .content(let file, let type): return StoreLink.answer(file, type)
        default: return Self.relay.answer(served)
        }
    }

    private func said(_ data: JSON) -> Response { .json(["success": true, "data": data]) }

    private func job(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "pondering"
            case .queued: "queued"
            case .inProgress: "processing"
            case .completed: "succeeded"
            case .failed: "failed"
            case .cancelled: "cancelled"
            }
        var link = JSON.null
        if let film = view.film, let end = view.completedAt {
            link = JSON(StoreLink.text(to: film, of: name, at: view.draft.origin, from: end))
        }
        var job: JSONObject = [
            "jobId": JSON(view.id), "status": JSON(word), "progress": JSON(view.progress), "resultUrl": link,
        ]
        if let failure = view.failure { job["error"] = JSON("\(failure.code): \(failure.message)") }
        return .object(job)
    }

    /// Relays answer as OpenAI does as well.
    func answer(_ error: KinoraError) -> Response {
        let (status, code, message): (Int, String, String) =
            switch error.code {
            case .missingKey, .invalidKey: (401, "unauthorized", "未认证或 Token 无效")
            case .upstreamRate: (429, "rate_limited", "请求频率超限")
            case .upstreamConcurrency: (429, "queue_full", "队列已满")
            case .upstreamMoney: (403, "quota_exceeded", "额度不足")
            case .shuttingDown: (503, "unavailable", "服务不可用")
            case .upstreamServer, .internalFault, .storageFailed:
                (500, "internal_error", "服务器内部错误")
            case .contentRefused: (400, "content_policy", "内容违规")
            case .contentNotFound: (403, "expired", "链接已过期")
            case .upstreamModelClosed: (404, "model_not_found", "模型不存在")
            case .taskNotFound, .routeNotFound: (404, "not_found", "不存在")
            case .methodNotAllowed: (405, "method_not_allowed", "不支持的方法")
            default: (400, "bad_request", error.message)
            }
        let response = Response.json(
            [
                "success": false, "message": JSON(message), "code": JSON(code), "data": .null,
                "error": [
                    "message": JSON(message), "type": "hub_error", "param": .null, "code": JSON(code),
                ],
            ], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
