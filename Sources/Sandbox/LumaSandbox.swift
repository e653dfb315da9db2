internal import Core

/// Luma's Dream Machine, below `/luma/dream-machine/v1`: Ray's videos of texts and between pictures. Keys
/// that begin with `luma-sandbox` are good. Pictures as results, sounds, concepts and changes of films do not
/// exist here, and nobody is called back.
struct LumaSandbox: SandboxVendor {
    let name = "luma"

    private static let centsPerTask = 40

    func newTaskID() -> String { VendorID.uuid() }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("luma-sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let path = request.segments
        guard path.starts(with: ["dream-machine", "v1"]) else { throw KinoraError(.routeNotFound) }
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, Array(path.dropFirst(2))) {
        case (.post, ["generations", "video"]), (.post, ["generations"]): return .submit(try draft(request))
        case (.get, let rest) where rest.count == 2 && rest[0] == "generations": return .poll(rest[1])
        case (.delete, let rest) where rest.count == 2 && rest[0] == "generations":
            return .abort(rest[1], forgets: true)
        case (.get, ["credits"]): return .credit(.subscription)
        default: throw KinoraError(.routeNotFound)
        }
    }

    private func draft(_ request: VendorRequest) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(
            known: [
                "model", "prompt", "aspect_ratio", "duration", "resolution", "loop", "keyframes",
                "callback_url", "generation_type",
            ])
        let model = try fields.choice("model", ["ray-2", "ray-flash-2"])
        guard let model else { throw KinoraError(.missingParameter, "model is missing", field: "model") }
        try fields.boolean("loop")
        _ = try fields.choice("generation_type", ["video"])
        let ratio =
            try fields.choice("aspect_ratio", ["1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21"]) ?? "16:9"
        let level = try fields.choice("resolution", ["540p", "720p", "1080p", "4k"]) ?? "720p"
        let seconds = try fields.choice("duration", ["5s", "9s"]) ?? "5s"
        let frames = try frames(fields)
        let prompt = frames == 0 ? try fields.required("prompt") : try fields.text("prompt") ?? ""
        if let url = try fields.text("callback_url"), !url.hasPrefix("https://") {
            throw fields.bad("callback_url", "is no https address")
        }
        let side = ["540p": 540, "720p": 720][level] ?? 1080
        var draft = Draft(
            model: model, prompt: prompt, seconds: Int(seconds.dropLast()) ?? 5,
            size: FrameSize(shorter: side, ratio),
            origin: StoreLink.origin(of: request.head))
        draft.facts = ["request": .object(fields.object)]
        return draft
    }

    /// How many pictures it goes from or to.
    private func frames(_ fields: VendorFields) throws(KinoraError) -> Int {
        guard let frames = try fields.fields("keyframes") else { return 0 }
        try frames.check(known: ["frame0", "frame1"])
        for name in frames.object.names {
            guard let frame = try frames.fields(name) else { continue }
            guard try frame.required("type") == "image" else { throw frame.bad("type", "must be image here") }
            guard try frame.required("url").hasPrefix("https://") else {
                throw frame.bad("url", "must be an https address")
            }
        }
        return frames.object.names.count
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return .json(object(view), status: view.isNew ? 201 : 200)
        case .deleted, .cancelled: return Response(status: 204)
        case .credit(_, let limit, let used):
            let left = limit.map { max(0, Int((($0 - used) / SandboxSettings.dollarsPerTask).rounded())) }
            return .json(["credit_balance": JSON((left ?? 20_000) * Self.centsPerTask)])
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    private func object(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "pondering"
            case .queued: "queued"
            case .inProgress: "dreaming"
            case .completed: "completed"
            case .failed, .cancelled: "failed"
            }
        var object: JSONObject = [
            "id": JSON(view.id), "generation_type": "video", "state": JSON(word), "assets": .null,
            "failure_reason": JSON(view.failure?.message), "created_at": JSON(view.createdAt.iso8601),
            "model": JSON(view.draft.model),
        ]
        for (name, value) in view.draft.facts.members { object[name] = value }
        if let film = view.film, let end = view.completedAt {
            let url = StoreLink.text(to: film, of: name, at: view.draft.origin, from: end)
            object["assets"] = ["video": JSON(url), "image": .null, "progress_video": .null]
        }
        return .object(object)
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, message): (Int, String) =
            switch error.code {
            case .missingKey: (403, "Not authenticated")
            case .invalidKey: (401, "Invalid API key")
            case .upstreamRate: (429, "Too many requests")
            case .upstreamConcurrency: (429, "Too many concurrent generations")
            case .upstreamMoney: (402, "Insufficient credits")
            case .contentRefused: (400, "Request moderated")
            case .shuttingDown: (503, "Service unavailable")
            case .upstreamServer, .internalFault, .storageFailed: (500, "Internal error")
            case .taskNotFound: (404, "Generation not found")
            case .routeNotFound: (404, "Not Found")
            case .contentNotFound: (403, "Request has expired")
            case .invalidValue, .missingParameter: (422, error.message)
            default: (400, error.message)
            }
        let response = Response.json(["detail": JSON(message)], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
