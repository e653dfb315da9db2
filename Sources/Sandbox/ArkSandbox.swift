internal import Core

/// Volcengine Ark: Seedance's videos, Seedream's pictures and Seed's chats, below `/ark/api/v3`; abroad, with
/// other names for the models, below `/byteplus/api/v3`. Keys that begin with `ark-sandbox` or
/// `byteplus-sandbox` are good. Last frames, drafts, assets, web search and streams of pictures do not exist
/// here, nor are addresses fetched or called back.
struct ArkSandbox: SandboxVendor {
    enum Site: String { case ark, byteplus }

    private static let talker = OpenAISandbox()

    let name: String
    /// What stands before the names of its models.
    let brands: [String]

    init(_ site: Site = .ark) {
        name = site.rawValue
        brands = site == .ark ? ["doubao-"] : ["dreamina-", "dola-", ""]
    }

    func newTaskID() -> String { "cgt-20260101-\(Self.random())" }

    private static func random() -> String { String(TaskID.random().description.prefix(8)) }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("\(name)-sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let path = request.segments
        guard path.starts(with: ["api", "v3"]) else { throw KinoraError(.routeNotFound) }
        let method = request.head.method == .head ? .get : request.head.method
        let rest = path.dropFirst(2)
        if method == .post, rest == ["chat", "completions"] {
            return .talk(try Self.talker.chat(request.body, of: brands.map { "\($0)seed-1-6-250615" }))
        }
        if rest.starts(with: ["contents", "generations", "tasks"]) {
            switch (method, rest.count) {
            case (.post, 3): return .submit(try draft(request))
            case (.get, 3): return .numberedPage(try page(request.query))
            case (.get, 4): return .poll(path[5])
            case (.delete, 4): return .cancel(path[5], forgetsEnded: true)
            default: break
            }
        } else if Array(rest) == ["images", "generations"], method == .post {
            return .draw(try picture(request))
        }
        throw KinoraError(.routeNotFound)
    }

    private static let fields = [
        "model", "content", "callback_url", "return_last_frame", "service_tier", "execution_expires_after",
        "priority", "safety_identifier", "generate_audio", "camera_fixed", "watermark", "seed", "resolution",
        "ratio", "duration", "frames",
    ]

    /// A model's name without brand and date: `seedance-2-0-fast`.
    func generation(of model: String, _ family: String) throws(KinoraError) -> Substring {
        let match = model.wholeMatch(of: /([a-z]+-)??((?:seedance|seedream)-\d-\d(?:-[a-z]+)?)-\d{6}/)
        guard let match, match.2.hasPrefix(family), brands.contains(String(match.1 ?? "")) else {
            throw KinoraError(
                .modelNotFound, "The model or endpoint \(model) does not exist.", field: "model")
        }
        return match.2
    }

    private func draft(_ request: VendorRequest) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(known: Self.fields)
        let model = try fields.required("model")
        let generation = try generation(of: model, "seedance-")
        let is2 = generation.hasPrefix("seedance-2-"), is15 = generation.hasPrefix("seedance-1-5")
        let content = try ArkContent(fields, takesReferences: is2)
        let levels = ["480p", "720p", "1080p"] + (is2 ? ["4k"] : [])
        let resolution = try fields.choice("resolution", levels) ?? "720p"
        let ratio =
            try fields.choice("ratio", Self.ratios + ["adaptive"]) ?? (content.isText ? "16:9" : "adaptive")
        let seconds =
            is2
            ? try fields.integer("duration", -1...(-1), 4...15)
            : try fields.integer("duration", is15 ? -1...(-1) : 2...12, is15 ? 4...12 : 2...12)
        let seed = try fields.integer("seed", -1...4_294_967_295)
        try fields.boolean("generate_audio")
        try fields.boolean("watermark")
        try fields.boolean("return_last_frame")
        if is2, fields.has("camera_fixed") { throw fields.bad("camera_fixed", "is not for this model") }
        if is2 || is15, fields.has("frames") { throw fields.bad("frames", "is not for this model") }
        let tier = try fields.choice("service_tier", ["default"] + (is2 ? [] : ["flex"])) ?? "default"
        let expires = try fields.integer("execution_expires_after", 3600...259_200) ?? 172_800
        if let url = try fields.text("callback_url"), !url.hasPrefix("https://") {
            throw fields.bad("callback_url", "must be an https address")
        }
        var draft = Draft(
            model: model, prompt: content.prompt, seconds: seconds.map { $0 < 0 ? 5 : $0 } ?? 5,
            size: Self.size(resolution, ratio, content.picture), reference: content.picture,
            origin: StoreLink.origin(of: request.head))
        draft.facts = [
            "seed": JSON(seed.map { $0 < 0 ? 11 : $0 } ?? 11), "resolution": JSON(resolution),
            "ratio": JSON(ratio == "adaptive" ? "16:9" : ratio), "duration": JSON(draft.seconds),
            "framespersecond": 24, "generate_audio": fields["generate_audio"] ?? true,
            "service_tier": JSON(tier), "execution_expires_after": JSON(expires),
        ]
        return draft
    }

    private static let ratios = ["16:9", "4:3", "1:1", "3:4", "9:16", "21:9"]
    private static let sizes = [
        "480p": ["864x496", "752x560", "640x640", "560x752", "496x864", "992x432"],
        "720p": ["1280x720", "1112x834", "960x960", "834x1112", "720x1280", "1470x630"],
        "1080p": ["1920x1088", "1664x1248", "1440x1440", "1248x1664", "1088x1920", "2176x928"],
        "4k": ["3840x2176", "3328x2496", "2880x2880", "2496x3328", "2176x3840", "4352x1856"],
    ]

    /// `adaptive` follows the first picture, as far as it is known.
    private static func size(_ resolution: String, _ ratio: String, _ picture: ReferenceImage?) -> FrameSize {
        let sizes = (sizes[resolution] ?? []).compactMap(FrameSize.init)
        if let index = ratios.firstIndex(of: ratio) { return sizes[index] }
        guard let frame = picture.flatMap({ FrameSize(ofImage: $0.bytes) }) else { return sizes[0] }
        func distance(_ size: FrameSize) -> Int {
            abs(size.width * frame.height - size.height * frame.width) / size.height
        }
        return sizes.min { distance($0) < distance($1) } ?? sizes[0]
    }

    private func page(_ query: Query) throws(KinoraError) -> NumberedPage {
        func number(_ name: String, _ usual: Int) throws(KinoraError) -> Int {
            guard let text = query[name] else { return usual }
            guard let number = Int(text), (1...500).contains(number) else {
                throw KinoraError(.invalidValue, "\(name) must be from 1 to 500.", field: name)
            }
            return number
        }
        let ids = Set(query.pairs.filter { $0.name == "filter.task_ids" }.map(\.value))
        let status = query["filter.status"], model = query["filter.model"]
        return NumberedPage(number: try number("page_num", 1), size: try number("page_size", 20)) { view in
            (ids.isEmpty || ids.contains(view.id)) && model ?? view.draft.model == view.draft.model
                && status ?? Self.word(view) == Self.word(view)
        }
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return .json(object(view))
        case .page(let views, _, let total):
            return .json(["total": JSON(total), "items": .array(views.map(object))])
        case .deleted, .cancelled: return .json([:])
        case .pictures(let pictures): return answer(pictures)
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        case .talk: return Self.talker.answer(served)
        default: return Response(status: 500)
        }
    }

    private static func word(_ view: TaskView) -> String {
        switch view.status {
        case _ where view.hasUnknownStatus: "pondering"
        case .queued: "queued"
        case .inProgress: "running"
        case .completed: "succeeded"
        case .failed: "failed"
        case .cancelled: "cancelled"
        }
    }

    /// A submit is answered with more than its id here; nobody minds.
    private func object(_ view: TaskView) -> JSON {
        var object: JSONObject = [
            "id": JSON(view.id), "model": JSON(view.draft.model), "status": JSON(Self.word(view)),
            "error": view.failure.map {
                ["code": "InternalServiceError", "message": JSON("\($0.code): \($0.message)")]
            } ?? .null,
            "created_at": .integer(view.createdAt.seconds),
            "updated_at": .integer((view.completedAt ?? view.createdAt).seconds),
        ]
        for (name, value) in view.draft.facts.members { object[name] = value }
        if let film = view.film, let end = view.completedAt {
            let url = StoreLink.text(to: film, of: name, at: view.draft.origin, from: end)
            let tokens = view.draft.size.width * view.draft.size.height * 24 * view.draft.seconds / 1024
            object["content"] = ["video_url": JSON(url)]
            object["usage"] = ["completion_tokens": JSON(tokens), "total_tokens": JSON(tokens)]
        }
        return .object(object)
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, code, message) = facts(of: error)
        let body: JSON = [
            "error": [
                "code": JSON(code), "message": JSON("\(message) Request id: 0217\(Self.random())"),
                "param": JSON(error.field ?? ""),
                "type": JSON(status == 429 ? "TooManyRequests" : "BadRequest"),
            ]
        ]
        let response = Response.json(body, status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    private func facts(of error: KinoraError) -> (Int, String, String) {
        switch error.code {
        case .missingKey, .invalidKey:
            (401, "AuthenticationError", "The API key in the request is missing or invalid.")
        case .upstreamRate:
            (429, "ModelAccountRpmRateLimitExceeded", "The requests per minute of the account are used up.")
        case .upstreamConcurrency:
            (429, "QuotaExceeded", "The account has as many running tasks as it may have.")
        case .upstreamMoney: (403, "AccountOverdueError", "The account has an overdue balance.")
        case .shuttingDown: (429, "ServerOverloaded", "The service is overloaded.")
        case .upstreamServer, .internalFault, .storageFailed:
            (500, "InternalServiceError", "The service encountered an unexpected internal error.")
        case .contentRefused:
            (400, "InputTextSensitiveContentDetected", "The input text may contain sensitive information.")
        case .modelNotFound: (404, "InvalidEndpointOrModel.NotFound", error.message)
        case .upstreamModelClosed: (404, "ModelNotOpen", "The account has not activated the model.")
        case .contentNotFound: (403, "AccessDenied", "Request has expired.")
        case .taskNotFound, .routeNotFound: (404, "NotFound", "The resource does not exist.")
        case .taskNotFinal: (400, "InvalidParameter", "The status of the task does not allow this.")
        case .missingParameter: (400, "MissingParameter.\(error.field ?? "")", error.message)
        default: (400, "InvalidParameter", error.message)
        }
    }

    func sealed(_ response: Response, took: Duration) -> Response {
        response.adding("X-Request-Id", "0217\(Self.random())")
    }
}
