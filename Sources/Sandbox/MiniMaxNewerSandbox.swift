internal import Core

/// MiniMax's second version, below `/minimax/v2`: H3's videos of texts, between frames and after references.
/// Prompts made richer, films made again and the list of tasks do not exist here; nobody is called back.
struct MiniMaxNewerSandbox: SandboxVendor {
    /// Keys and ids are those of the first version.
    let account: MiniMaxSandbox

    var name: String { account.name }

    func newTaskID() -> String { account.newTaskID() }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        try account.key(of: head, at: now)
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        let path = request.segments.dropFirst()
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, path.count) {
        case (.post, 1) where path == ["video_generation"]: return .submit(try draft(request))
        case (.get, 3) where path.starts(with: ["query", "video_generation"]): return .poll(path[3])
        case (.delete, 2) where path.starts(with: ["video_generation"]):
            return .cancel(path[2], forgetsEnded: true)
        default: throw KinoraError(.routeNotFound)
        }
    }

    private static let fields = [
        "model", "content", "resolution", "duration", "ratio", "callback_url", "aigc_watermark",
    ]
    private static let ratios = ["21:9", "16:9", "4:3", "1:1", "3:4", "9:16"]

    private func draft(_ request: VendorRequest) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(known: Self.fields)
        let model = try fields.required("model")
        guard model == "MiniMax-H3" else {
            throw KinoraError(.modelNotFound, "model \(model) is unknown", field: "model")
        }
        let content = try ArkContent(fields, takesReferences: true)
        guard (1...7000).contains(content.prompt.count) else {
            throw fields.bad("content", "must include a non-empty text item")
        }
        try fields.boolean("aigc_watermark")
        if let url = try fields.text("callback_url"), !url.hasPrefix("https://") {
            throw fields.bad("callback_url", "is no address")
        }
        _ = try fields.required("resolution")
        let level = try fields.choice("resolution", ["768P", "2K"])
        guard let seconds = try fields.integer("duration", 4...15) else {
            throw fields.bad("duration", "is missing")
        }
        let ratio = try fields.choice("ratio", Self.ratios + ["adaptive"]) ?? "adaptive"
        guard !content.isText || ratio != "adaptive" else {
            throw fields.bad("ratio", "must be given for a text")
        }
        var draft = Draft(
            model: model, prompt: content.prompt, seconds: seconds,
            size: FrameSize(shorter: level == "2K" ? 1440 : 768, ratio), reference: content.picture,
            origin: StoreLink.origin(of: request.head))
        draft.facts = [
            "resolution": JSON(level ?? ""), "duration": JSON(seconds), "ratio": JSON(ratio),
            "task_type": "generation", "modality": "video",
        ]
        return draft
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): .json(view.isNew ? ["task_id": JSON(view.id)] : ["task": object(view)])
        case .cancelled(let id): said(id, "cancelled")
        case .deleted(let id): said(id, "deleted")
        case .fixed(let response): response
        default: Response(status: 500)
        }
    }

    private func said(_ id: String, _ word: String) -> Response {
        .json(["task_id": JSON(id), "action": JSON(word), "status": JSON(word)])
    }

    private func object(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "pondering"
            case .queued: "queued"
            case .inProgress: "running"
            case .completed: "succeeded"
            case .failed: "failed"
            case .cancelled: "cancelled"
            }
        let end = view.completedAt ?? view.createdAt
        var object: JSONObject = [
            "id": JSON(view.id), "model": JSON(view.draft.model), "status": JSON(word),
            "created_at": .integer(view.createdAt.seconds), "updated_at": .integer(end.seconds), "usage": [:],
        ]
        for (name, value) in view.draft.facts.members { object[name] = value }
        if let failure = view.failure {
            object["error"] = ["code": "1000", "message": JSON("\(failure.code): \(failure.message)")]
        }
        if let film = view.film {
            let link = StoreLink.text(to: film, of: name, at: view.draft.origin, from: end)
            object["content"] = ["url": JSON(link)]
            object["usage"] = [
                "total_seconds": JSON(view.draft.seconds), "input_seconds": 0,
                "output_seconds": JSON(view.draft.seconds),
            ]
        }
        return .object(object)
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, type, code, message): (Int, String, Int, String) =
            switch error.code {
            case .missingKey:
                (
                    401, "authorized_error", 1004,
                    "login fail: Please carry the API secret key in the 'Authorization' field"
                )
            case .invalidKey: (401, "authorized_error", 2049, "invalid api key")
            case .upstreamMoney: (402, "insufficient_balance_error", 1008, "insufficient balance")
            case .upstreamRate, .upstreamConcurrency:
                (429, "rate_limit_error", 1002, "rate limit, please retry later")
            case .contentRefused:
                (422, "unprocessable_entity_error", 1026, "video description contains sensitive content")
            case .shuttingDown: (529, "overloaded_error", 1000, "the service is overloaded")
            case .upstreamServer, .internalFault, .storageFailed:
                (500, "server_error", 1000, "internal error")
            case .upstreamModelClosed:
                (400, "bad_request_error", 2061, "your plan does not support the model")
            case .taskNotFound: (400, "bad_request_error", 2013, "invalid task_id")
            case .taskNotFinal, .taskFinal:
                (400, "bad_request_error", 2013, "current task status does not allow this operation")
            case .routeNotFound: (404, "bad_request_error", 2013, "there is no such thing")
            default: (400, "bad_request_error", 2013, "invalid params, \(error.message)")
            }
        let response = Response.json(
            [
                "type": "error",
                "error": [
                    "type": JSON(type), "message": JSON("\(message) (\(code))"),
                    "http_code": JSON("\(status)"),
                ], "request_id": JSON(TaskID.random().description),
            ], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
