internal import Core

/// The llmage platform, below `/llmage/llmage/v1`: pictures and videos as tasks, and chats. Keys that begin
/// with `llmage-sandbox` are good. Each model is there in the categories of the platform's tables, under the
/// names of files that they give it.
struct LlmageSandbox: SandboxVendor {
    let name = "llmage"

    private static let relay = OpenAISandbox()

    func newTaskID() -> String { String(UInt64.random(in: 1_000_000_000...9_999_999_999)) }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("llmage-sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let path = request.segments
        guard path.starts(with: ["llmage", "v1"]) else { throw KinoraError(.routeNotFound) }
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, Array(path.dropFirst(2))) {
        case (.get, ["models"]): return .fixed(models(in: request.query["catelogid"]))
        case (.post, ["image", "generations"]): return .submit(try draft(request, isPicture: true))
        case (.post, ["video", "generations"]): return .submit(try draft(request, isPicture: false))
        case (.get, ["tasks"]):
            guard let id = request.query["taskid"], !id.isEmpty else { throw Self.missing("taskid") }
            return .poll(id)
        case (.post, ["chat", "completions"]):
            return try Self.relay.order(
                VendorRequest(
                    head: request.head, segments: Array(path.dropFirst(1)), query: request.query,
                    body: request.body))
        default: throw KinoraError(.routeNotFound)
        }
    }

    private static func missing(_ name: String) -> KinoraError {
        KinoraError(.missingParameter, "Missing required parameter: \(name)", field: name)
    }

    private static func bad(_ name: String, _ why: String) -> KinoraError {
        KinoraError(.invalidValue, "Invalid value for \(name): \(why)", field: name)
    }

    private func draft(_ request: VendorRequest, isPicture: Bool) throws(KinoraError) -> Draft {
        let texts: [String: String]
        var files: [UploadedFile] = []
        switch request.body {
        case .json(let json): texts = try Self.texts(json)
        case .form(let form):
            texts = Dictionary(form.fields.map { ($0.name, $0.value) }) { $1 }
            files = form.files
        default: throw Self.missing("model")
        }
        guard let model = texts["model"] else { throw Self.missing("model") }
        guard let category = texts["catelogid"] else { throw Self.missing("catelogid") }
        guard let prompt = texts["prompt"], !prompt.isEmpty else { throw Self.missing("prompt") }
        let rule = LlmageRule.all.first { $0.category == category && $0.models.contains(model) }
        guard let rule, isPicture == (category == "t2i") else {
            throw KinoraError(.modelNotFound, "Model not found: \(model)", field: "model")
        }
        for name in texts.keys where !["model", "catelogid", "prompt"].contains(name) {
            guard rule.fields.contains(name) else { throw Self.bad(name, "unknown") }
        }
        var draft = Draft(
            model: model, prompt: prompt, seconds: try seconds(texts, rule), size: try size(texts, rule),
            reference: try picture(files, rule), origin: StoreLink.origin(of: request.head))
        if isPicture {
            draft.pictures = PictureDraft(
                model: model, prompt: prompt, count: 1, size: FrameSize(1024, 1024), format: "png")
        }
        draft.facts["category"] = .string(category)
        return draft
    }

    /// Of a JSON body; numbers as their texts.
    private static func texts(_ json: JSON) throws(KinoraError) -> [String: String] {
        guard let object = json.objectValue else { throw KinoraError(.malformedRequest) }
        var texts: [String: String] = [:]
        for (name, value) in object.members where !value.isNull {
            texts[name] = value.stringValue ?? value.text
        }
        return texts
    }

    private func seconds(_ texts: [String: String], _ rule: LlmageRule) throws(KinoraError) -> Int {
        guard let text = texts["duration"] else { return rule.seconds.first ?? 1 }
        guard let seconds = Int(text), rule.seconds.contains(seconds) else {
            throw Self.bad("duration", text)
        }
        return seconds
    }

    private func size(_ texts: [String: String], _ rule: LlmageRule) throws(KinoraError) -> FrameSize {
        if let text = texts["size"] {
            guard LlmageRule.sizes.contains(text), let size = FrameSize(text.replacing("*", with: "x"))
            else { throw Self.bad("size", text) }
            return size
        }
        if let level = texts["resolution"], !rule.resolutions.contains(level) {
            throw Self.bad("resolution", level)
        }
        let side = Int((texts["resolution"] ?? "720p").dropLast()) ?? 720
        let ratio = texts["ratio"] ?? "16:9"
        guard LlmageRule.ratios.contains(ratio) || ratio == "adaptive" else { throw Self.bad("ratio", ratio) }
        return FrameSize(shorter: side, ratio)
    }

    /// The first picture.
    private func picture(_ files: [UploadedFile], _ rule: LlmageRule) throws(KinoraError) -> ReferenceImage? {
        for name in rule.needed where !files.contains(where: { $0.field == name }) {
            throw Self.missing(name)
        }
        for file in files {
            guard rule.files.contains(file.field) else { throw Self.bad(file.field, "unknown file") }
            guard
                file.field == "video_files" || file.field == "audio_files"
                    || file.mediaType.map(ReferenceImage.types.contains) == true
            else { throw Self.bad(file.field, "no picture") }
        }
        let first = files.first { $0.mediaType.map(ReferenceImage.types.contains) == true }
        guard let first, let bytes = FileStore.bytes(of: first.path, max: 30 << 20) else { return nil }
        return ReferenceImage(bytes: bytes, type: first.mediaType ?? .png)
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return .json(object(view))
        case .content(let file, let type): return StoreLink.answer(file, type)
        default: return Self.relay.answer(served)
        }
    }

    private func models(in category: String?) -> Response {
        let ids = LlmageRule.all.filter { category == nil || $0.category == category }.flatMap(\.models)
        let data = Set(ids).sorted().map { id -> JSON in
            ["id": JSON(id), "object": "model", "created": 1_767_225_600, "owned_by": "opencomputing.ai"]
        }
        return .json(["object": "list", "data": .array(data)])
    }

    /// What a submit gives is the beginning of what a poll gives.
    private func object(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "PONDERING"
            case .queued: view.age > .zero ? "PENDING" : "CREATED"
            case .inProgress: "RUNNING"
            case .completed: "SUCCEEDED"
            case .failed, .cancelled: "FAILED"
            }
        var object: JSONObject = ["taskid": JSON(view.id), "status": JSON(word)]
        if let failure = view.failure { object["error"] = JSON("\(failure.code): \(failure.message)") }
        guard let film = view.film, let end = view.completedAt else { return .object(object) }
        func link(_ file: String) -> JSON {
            JSON(StoreLink.text(to: file, of: name, at: view.draft.origin, from: end))
        }
        if let pictures = view.draft.pictures {
            object["image"] = link(FilmFile.picture(view.id, 0, pictures.format))
        } else {
            object["video"] = link(film)
        }
        object["usage"] = [
            "action": view.draft.facts["category"] ?? .null, "credits": 40, "model": JSON(view.draft.model),
            "duration": JSON(view.draft.seconds),
        ]
        return .object(object)
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, words): (Int, String) =
            switch error.code {
            case .missingKey, .invalidKey: (401, "Invalid API Key")
            case .upstreamRate: (429, "Too many requests")
            case .upstreamConcurrency: (429, "Queue is full")
            case .upstreamMoney: (429, "Insufficient balance")
            case .shuttingDown: (503, "Service unavailable")
            case .upstreamServer, .internalFault, .storageFailed: (500, "Internal server error")
            case .contentRefused: (400, "The prompt is against the content policy")
            case .contentNotFound: (403, "Expired")
            case .upstreamModelClosed: (400, "Model not found: it is not in your plan")
            case .taskNotFound: (404, "Task not found")
            case .routeNotFound: (404, "Not found")
            default: (400, error.message)
            }
        let response = Response.json(["error": JSON(words)], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
