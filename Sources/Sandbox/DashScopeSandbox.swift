internal import Core

/// Alibaba's DashScope, below `/dashscope/api/v1`: Wan's and HappyHorse's videos and pictures, all of them
/// tasks; below `/dashscope/compatible-mode/v1` Qwen's chats, as OpenAI has them. Keys that begin with
/// `sk-sandbox` are good. Uploads to its own store do not exist here, and addresses are not fetched.
struct DashScopeSandbox: SandboxVendor {
    let name = "dashscope"

    private static let talker = OpenAISandbox()
    private static let textModels = ["qwen3-max", "qwen-plus", "qwen-flash"]
    /// How long it knows a task.
    private static let memory = Duration.seconds(24 * 3600)

    func newTaskID() -> String { TaskID.random().description }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("sk-sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let path = request.segments
        if path == ["compatible-mode", "v1", "chat", "completions"], request.head.method == .post {
            return .talk(try Self.talker.chat(request.body, of: Self.textModels))
        }
        guard path.starts(with: ["api", "v1"]) else { throw KinoraError(.routeNotFound) }
        let method = request.head.method == .head ? .get : request.head.method
        let rest = Array(path.dropFirst(2))
        switch (method, rest.count) {
        case (.post, 4) where rest.starts(with: ["services", "aigc"]):
            guard request.head.headers["x-dashscope-async"] == "enable" else {
                throw KinoraError(.forbidden, "current user api does not support synchronous calls.")
            }
            return .submit(try draft(request, rest[2...].joined(separator: "/")))
        case (.get, 1) where rest[0] == "tasks": return .numberedPage(try page(request.query))
        case (.get, 2) where rest[0] == "tasks": return .poll(rest[1])
        case (.post, 3) where rest[0] == "tasks" && rest[2] == "cancel":
            return .cancel(rest[1], forgetsEnded: false)
        default: throw KinoraError(.routeNotFound)
        }
    }

    private func draft(_ request: VendorRequest, _ path: String) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(known: ["model", "input", "parameters"])
        let order = DashScopeRequest(
            model: try fields.required("model"),
            input: try fields.fields("input") ?? VendorFields(empty: "input"),
            parameters: try fields.fields("parameters") ?? VendorFields(empty: "parameters"))
        var draft =
            switch path {
            case "video-generation/video-synthesis", "image2video/video-synthesis":
                try order.film(isBetweenFrames: path.hasPrefix("image2video"))
            case "text2image/image-synthesis": try order.pictures()
            case "image-generation/generation": try order.picturesOfMessages()
            default: throw KinoraError(.routeNotFound)
            }
        draft.origin = StoreLink.origin(of: request.head)
        return draft
    }

    private func page(_ query: Query) throws(KinoraError) -> NumberedPage {
        func number(_ name: String, _ usual: Int) throws(KinoraError) -> Int {
            guard let text = query[name] else { return usual }
            guard let number = Int(text), (1...100).contains(number) else {
                throw KinoraError(.invalidValue, "\(name) is out of its bounds.", field: name)
            }
            return number
        }
        let status = query["status"], model = query["model_name"]
        return NumberedPage(number: try number("page_no", 1), size: try number("page_size", 10)) { view in
            status ?? Self.word(view) == Self.word(view) && model ?? view.draft.model == view.draft.model
        }
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return said(["output": output(view), "usage": usage(view)])
        case .page(let views, let page, let total):
            return said([
                "data": .array(views.map(row)), "total": JSON(total), "page_no": JSON(page.number),
                "page_size": JSON(page.size), "total_page": JSON((total + page.size - 1) / page.size),
            ])
        case .cancelled: return said([:])
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        case .talk: return Self.talker.answer(served)
        default: return Response(status: 500)
        }
    }

    private func said(_ members: JSONObject, status: Int = 200) -> Response {
        var object = members
        object["request_id"] = JSON(TaskID.random().description)
        return .json(.object(object), status: status)
    }

    private static func word(_ view: TaskView) -> String {
        switch view.status {
        case _ where view.hasUnknownStatus: "PONDERING"
        case _ where view.age > memory: "UNKNOWN"
        case .queued: "PENDING"
        case .inProgress: "RUNNING"
        case .completed: "SUCCEEDED"
        case .failed: "FAILED"
        case .cancelled: "CANCELED"
        }
    }

    /// Beijing's time, without saying so.
    private static func time(_ time: Timestamp?) -> JSON {
        time.map { JSON(($0 + .seconds(8 * 3600)).iso8601.dropLast().replacing("T", with: " ") + ".000") }
            ?? .null
    }

    private func row(_ view: TaskView) -> JSON {
        [
            "task_id": JSON(view.id), "status": JSON(Self.word(view)), "model_name": JSON(view.draft.model),
            "gmt_create": .integer(view.createdAt.microseconds / 1000), "region": "cn-beijing",
        ]
    }

    private func output(_ view: TaskView) -> JSON {
        let word = Self.word(view)
        var output: JSONObject = ["task_id": JSON(view.id), "task_status": JSON(word)]
        guard word != "UNKNOWN" else { return .object(output) }
        output["submit_time"] = Self.time(view.createdAt)
        output["scheduled_time"] = Self.time(view.createdAt)
        if let end = view.completedAt { output["end_time"] = Self.time(end) }
        if let failure = view.failure {
            output["code"] = "InternalError.Algo"
            output["message"] = JSON("\(failure.code): \(failure.message)")
        }
        guard let film = view.film, let end = view.completedAt else { return .object(output) }
        func link(_ file: String) -> JSON {
            JSON(StoreLink.text(to: file, of: name, at: view.draft.origin, from: end))
        }
        guard let pictures = view.draft.pictures else {
            output["orig_prompt"] = JSON(view.draft.prompt)
            output["video_url"] = link(film)
            return .object(output)
        }
        let links = (0..<pictures.count).map { link(FilmFile.picture(view.id, $0, pictures.format)) }
        if view.draft.facts["messages"] == true {
            output["choices"] = .array(
                links.map {
                    ["finish_reason": "stop", "message": ["role": "assistant", "content": [["image": $0]]]]
                })
        } else {
            output["results"] = .array(links.map { ["url": $0] })
            let count = JSON(pictures.count)
            output["task_metrics"] = ["TOTAL": count, "SUCCEEDED": count, "FAILED": 0]
        }
        return .object(output)
    }

    private func usage(_ view: TaskView) -> JSON {
        guard view.film != nil else { return .null }
        if let pictures = view.draft.pictures { return ["image_count": JSON(pictures.count)] }
        return [
            "duration": JSON(view.draft.seconds), "output_video_duration": JSON(view.draft.seconds),
            "video_count": 1, "SR": JSON(min(view.draft.size.width, view.draft.size.height)),
        ]
    }

    func answer(_ error: KinoraError) -> Response {
        // A task that it does not know is a state of tasks to it.
        if error.code == .taskNotFound {
            return said(["output": ["task_id": JSON(error.taskID), "task_status": "UNKNOWN"]])
        }
        let (status, code, message): (Int, String, String) =
            switch error.code {
            case .missingKey, .invalidKey: (401, "InvalidApiKey", "Invalid API-key provided.")
            case .upstreamRate: (429, "Throttling.RateQuota", "Requests rate limit exceeded.")
            case .upstreamConcurrency:
                (429, "Throttling.AllocationQuota", "Allocated quota exceeded, please increase it.")
            case .upstreamMoney:
                (400, "Arrearage", "Access denied, please make sure your account is in good standing.")
            case .shuttingDown: (503, "ModelUnavailable", "Model is unavailable, please try again later.")
            case .upstreamServer, .internalFault, .storageFailed:
                (500, "InternalError", "An internal error has occured, please try again later.")
            case .contentRefused:
                (400, "DataInspectionFailed", "Input data may contain inappropriate content.")
            case .forbidden: (403, "AccessDenied", error.message)
            case .modelNotFound: (404, "ModelNotFound", error.message)
            case .upstreamModelClosed: (403, "Model.AccessDenied", "Model access denied.")
            case .contentNotFound: (403, "AccessDenied", "Request has expired.")
            case .routeNotFound: (404, "NotFound", "Not Found")
            case .taskNotFinal, .taskFinal: (400, "UnsupportedOperation", "Failed to cancel the task.")
            default: (400, "InvalidParameter", error.message)
            }
        let response = said(["code": JSON(code), "message": JSON(message)], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
