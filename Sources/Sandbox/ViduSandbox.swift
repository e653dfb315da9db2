internal import Core

/// Vidu, below `/vidu/ent/v2`. Keys that begin with `vda_sandbox` are good, and come with the word `Token`.
/// Subjects, multi-frame films, lip-sync and the list of tasks do not exist here, and nobody is called back.
struct ViduSandbox: SandboxVendor {
    let name = "vidu"

    private static let creditsPerTask = 50

    /// A number of its own.
    func newTaskID() -> String {
        String(UInt64.random(in: 700_000_000_000_000_000...899_999_999_999_999_999))
    }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Token" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("vda_sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let path = request.segments
        guard path.starts(with: ["ent", "v2"]) else { throw KinoraError(.routeNotFound) }
        let method = request.head.method == .head ? .get : request.head.method
        let rest = Array(path.dropFirst(2))
        switch (method, rest.count) {
        case (.post, 1):
            guard let task = Task(rawValue: rest[0]) else { throw KinoraError(.routeNotFound) }
            return .submit(try draft(request, task))
        case (.get, 3) where rest[0] == "tasks" && rest[2] == "creations": return .poll(rest[1])
        case (.post, 3) where rest[0] == "tasks" && rest[2] == "cancel":
            guard try VendorFields(request).required("id") == rest[1] else {
                throw KinoraError(.invalidValue, "id is another one than in the path", field: "id")
            }
            return .cancel(rest[1], forgetsEnded: false)
        case (.get, 1) where rest[0] == "credits": return .credit(.subscription)
        default: throw KinoraError(.routeNotFound)
        }
    }

    private enum Task: String {
        case text = "text2video", image = "img2video", frames = "start-end2video", reference =
            "reference2video"

        var images: ClosedRange<Int> {
            switch self {
            case .text: 0...0
            case .image: 1...1
            case .frames: 2...2
            case .reference: 1...7
            }
        }
    }

    /// Seconds that a model makes by a way, from the vendor's table of models.
    private static func seconds(_ model: String, _ task: Task) -> ClosedRange<Int64>? {
        switch (model, task) {
        case ("viduq3-pro", .text), ("viduq3-pro", .image), ("viduq3-pro", .frames), ("viduq3-turbo", .text),
            ("viduq3-turbo", .image), ("viduq3-turbo", .frames), ("viduq3-pro-fast", .image):
            1...16
        case ("viduq3", .reference), ("viduq3-mix", .reference), ("viduq3-turbo", .reference): 3...16
        case ("viduq2", .text), ("viduq2", .reference), ("viduq2-pro", _), ("viduq2-turbo", _),
            ("viduq2-pro-fast", .image):
            1...10
        case ("viduq1", _): 5...5
        case ("vidu2.0", .image), ("vidu2.0", .frames), ("vidu2.0", .reference): 4...8
        default: nil
        }
    }

    private static let fields = [
        "model", "prompt", "images", "videos", "duration", "seed", "resolution", "aspect_ratio",
        "movement_amplitude", "bgm", "audio", "audio_type", "voice_id", "is_rec", "style", "off_peak",
        "watermark", "wm_position", "wm_url", "payload", "callback_url",
    ]

    private func draft(_ request: VendorRequest, _ task: Task) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(known: Self.fields)
        let model = try fields.required("model")
        guard let lengths = Self.seconds(model, task) else {
            throw KinoraError(.modelNotFound, "model \(model) is not supported here", field: "model")
        }
        let isQ3 = model.hasPrefix("viduq3")
        let prompt =
            task == .text || task == .reference
            ? try fields.required("prompt") : try fields.text("prompt") ?? ""
        guard prompt.count <= (isQ3 ? 5000 : 2000) else { throw fields.bad("prompt", "is too long") }
        for name in ["movement_amplitude", "bgm"] where isQ3 && fields.has(name) {
            throw fields.bad(name, "is unwanted")
        }
        let isFree = task == .text || task == .reference
        if !isFree, fields.has("aspect_ratio") { throw fields.bad("aspect_ratio", "is unwanted") }
        if fields.has("videos"), model != "viduq2-pro" || task != .reference {
            throw fields.bad("videos", "is unwanted")
        }
        let ratio = try fields.choice("aspect_ratio", ["16:9", "9:16", "1:1", "3:4", "4:3"]) ?? "16:9"
        let level = try fields.choice("resolution", ["540p", "720p", "1080p"]) ?? "720p"
        for name in ["audio", "off_peak", "watermark", "bgm", "is_rec"] { try fields.boolean(name) }
        if let payload = try fields.text("payload"), payload.utf8.count > 1 << 20 {
            throw fields.bad("payload", "is too long")
        }
        let images = try images(fields, task)
        let seconds = try fields.integer("duration", lengths) ?? 5
        var draft = Draft(
            model: model, prompt: prompt, seconds: seconds, size: Self.size(level, ratio),
            reference: images.compactMap(\.self).first, origin: StoreLink.origin(of: request.head))
        draft.facts = [
            "prompt": JSON(prompt), "images": .array(images.map { _ in "https://vidu.example/image" }),
            "duration": JSON(seconds), "seed": fields["seed"] ?? 1, "resolution": JSON(level),
            "movement_amplitude": fields["movement_amplitude"] ?? "auto", "payload": fields["payload"] ?? "",
            "off_peak": fields["off_peak"] ?? false,
        ]
        return draft
    }

    private func images(_ fields: VendorFields, _ task: Task) throws(KinoraError) -> [ReferenceImage?] {
        var images: [ReferenceImage?] = []
        for image in try fields.list("images") ?? [] {
            guard let text = image.stringValue else { throw fields.bad("images", "must be strings") }
            images.append(try fields.picture(text, of: "images", bytesMax: 10 << 20))
        }
        guard task.images.contains(images.count) else { throw fields.bad("images", "has the wrong count") }
        let shapes = images.compactMap { $0.flatMap { FrameSize(ofImage: $0.bytes) } }
            .map { Double($0.width) / Double($0.height) }
        guard shapes.allSatisfy((0.25...4).contains) else { throw fields.bad("images", "have a wrong ratio") }
        guard task != .frames || shapes.count < 2 || (0.8...1.25).contains(shapes[0] / shapes[1]) else {
            throw fields.bad("images", "differ too much")
        }
        return images
    }

    private static func size(_ level: String, _ ratio: String) -> FrameSize {
        let side = ["540p": 540, "720p": 720, "1080p": 1080][level] ?? 720
        return switch ratio {
        case "9:16": FrameSize(side, side * 16 / 9)
        case "1:1": FrameSize(side, side)
        case "4:3": FrameSize(side * 4 / 3, side)
        case "3:4": FrameSize(side, side * 4 / 3)
        default: FrameSize(side * 16 / 9, side)
        }
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return .json(object(view))
        case .cancelled: return .json([:])
        case .credit(_, let limit, let used):
            let left = limit.map { max(0, Int((($0 - used) / SandboxSettings.dollarsPerTask).rounded())) }
            return .json([
                "remains": [
                    [
                        "type": "metered", "credit_remain": JSON((left ?? 20_000) * Self.creditsPerTask),
                        "concurrency_limit": 5, "current_concurrency": 0, "queue_count": 0,
                    ], ["type": "test", "credit_remain": 0],
                ], "packages": [],
            ])
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    /// What a submit gives is no harm to a poll, nor the other way round.
    private func object(_ view: TaskView) -> JSON {
        let (state, fault): (String, String) =
            switch view.status {
            case _ where view.hasUnknownStatus: ("pondering", "")
            case .queued: (view.age < .milliseconds(1) ? "created" : "queueing", "")
            case .inProgress: ("processing", "")
            case .completed: ("success", "")
            case .failed: ("failed", "InternalServiceFailure")
            case .cancelled: ("failed", "UserCancelled")
            }
        var object: JSONObject = [
            "id": JSON(view.id), "task_id": JSON(view.id), "state": JSON(state), "err_code": JSON(fault),
            "model": JSON(view.draft.model), "credits": JSON(Self.creditsPerTask), "bgm": false,
            "progress": JSON(view.progress), "created_at": JSON(view.createdAt.iso8601), "creations": [],
        ]
        for (name, value) in view.draft.facts.members { object[name] = value }
        if let film = view.film, let end = view.completedAt {
            let url = StoreLink.text(to: film, of: name, at: view.draft.origin, from: end)
            object["creations"] = [["id": JSON("\(view.id)-1"), "url": JSON(url), "cover_url": ""]]
        }
        return .object(object)
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, reason, message): (Int, String, String) =
            switch error.code {
            case .missingKey, .invalidKey: (401, "Unauthorized", "the token is missing or invalid")
            case .upstreamRate: (429, "TooManyRequests", "too many requests")
            case .upstreamConcurrency: (429, "QuotaExceeded", "the concurrency limit is reached")
            case .upstreamMoney: (400, "CreditInsufficient", "the credits are not sufficient")
            case .shuttingDown: (503, "ServiceUnavailable", "try again later")
            case .upstreamServer, .internalFault, .storageFailed:
                (500, "InternalServiceFailure", "internal failure")
            case .contentRefused: (400, "TaskPromptPolicyViolation", "the prompt violates the policy")
            case .taskNotFound: (404, "TaskNotFound", "task not found")
            case .routeNotFound: (404, "NotFound", "not found")
            case .contentNotFound: (403, "AccessDenied", "Request has expired")
            case .taskNotFinal, .taskFinal: (400, "BadRequest", "task state is scheduled, can not cancel")
            case .modelNotFound: (400, "ModelUnavailable", error.message)
            case .missingParameter: (400, "FieldLacking", error.message)
            case .invalidValue: (400, "FieldInvalid", error.message)
            default: (400, "BadRequest", error.message)
            }
        let response = Response.json(
            [
                "code": JSON(status), "reason": JSON(reason), "message": JSON(message),
                "metadata": ["trace_id": JSON(TaskID.random().description)],
            ], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
