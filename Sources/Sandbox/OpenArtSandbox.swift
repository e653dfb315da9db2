internal import Core

/// A gateway to OpenArt's videos, below `/openart/api`. Keys that begin with `oak_sandbox` are good. What it
/// takes, it begins: nothing waits for a slot. Addresses are not fetched, since the sandbox never speaks to
/// the outside.
struct OpenArtSandbox: SandboxVendor {
    let name = "openart"

    private static let ratios = [
        "16:9": FrameSize(1280, 720), "9:16": FrameSize(720, 1280), "1:1": FrameSize(720, 720),
        "4:3": FrameSize(960, 720), "3:4": FrameSize(720, 960), "21:9": FrameSize(1680, 720),
    ]
    private static let creditsPerVideo = 625

    func newTaskID() -> String { TaskID.random().description }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        // The films lie with a host of their own, which wants no key and takes none.
        if head.target.hasPrefix("/openart/cdn/") {
            guard head.headers["x-api-key"] == nil, head.authorization.isEmpty else {
                throw KinoraError(.malformedRequest)
            }
            return ""
        }
        let key = head.apiKeyHeader.revealed()
        guard !key.isEmpty else { throw KinoraError(.missingKey) }
        guard key.hasPrefix("oak_sandbox") else { throw KinoraError(.invalidKey) }
        return key
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        let path = request.segments
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, path.count) {
        case (.get, 2) where path[0] == "cdn": return .film(path[1])
        case (.post, 2) where path == ["api", "generate"]: return .submit(try draft(request, isForm: false))
        case (.post, 2) where path == ["api", "generate-with-file"]:
            return .submit(try draft(request, isForm: true))
        case (.get, 3) where path[0] == "api" && path[1] == "task": return .poll(path[2])
        case (.get, 2) where path == ["api", "tasks"]:
            let limit = request.query["limit"].flatMap { Int($0) } ?? 50
            return .list(Page(limit: max(0, min(limit, 500)), isAscending: false, after: nil))
        case (.get, 2) where path == ["api", "stats"]:
            return .fixed(
                .json([
                    "pool": [
                        "total_accounts": 2, "active_accounts": 2, "total_slots": 12, "used_slots": 0,
                        "free_slots": 12, "waiting_tasks": 0,
                    ], "tasks": ["running": 0, "done": 0, "failed": 0, "avg_time_seconds": 0],
                ]))
        case (.get, 2) where path == ["api", "credits"]: return .credit(.subscription)
        default: throw KinoraError(.routeNotFound)
        }
    }

    private func draft(_ request: VendorRequest, isForm: Bool) throws(KinoraError) -> Draft {
        var pictures: [ReferenceImage?] = []
        var sounds = 0
        let fields: JSONObject
        if isForm {
            guard case .form(let form) = request.body else { throw bad("expected multipart/form-data") }
            fields = JSONObject(form.fields.map { ($0.name, .string($0.value)) })
            for file in form.files {
                switch (file.field, file.mediaType) {
                case ("image_files", .png?), ("image_files", .jpeg?), ("image_files", .webp?):
                    let bytes = FileStore.bytes(of: file.path, max: 15 << 20)
                    pictures.append(bytes.map { ReferenceImage(bytes: $0, type: file.mediaType!) })
                case ("audio_files", .wav?), ("audio_files", .mp3?): sounds += 1
                default: throw bad("unsupported file in \(file.field)")
                }
            }
        } else {
            guard case .json(let json) = request.body, let object = json.objectValue else {
                throw bad("expected a JSON object")
            }
            fields = object
        }
        for item in try refs(fields["refs"]) {
            guard let url = item["url"]?.stringValue, url.hasPrefix("http") else { throw bad("refs: no url") }
            switch item["type"]?.stringValue {
            case "image": pictures.insert(nil, at: 0)
            case "audio": sounds += 1
            default: throw bad("refs: unknown type")
            }
        }
        guard let prompt = fields["prompt"]?.stringValue, !prompt.isEmpty else {
            throw bad("prompt is required")
        }
        for match in prompt.matches(of: /@(image|audio)(\d+)/) {
            let given = match.1 == "image" ? pictures.count : sounds
            guard let number = Int(match.2), number >= 1, number <= given else { throw bad("no \(match.0)") }
        }
        guard sounds == 0 || !pictures.isEmpty, sounds <= 3, pictures.count <= 9 else {
            throw bad("bad refs")
        }
        let seconds = try number(fields["duration"], isText: isForm) ?? 5
        guard (4...15).contains(seconds) else { throw bad("duration must be 4 to 15") }
        let ratio = fields["aspect_ratio"]?.stringValue ?? "16:9"
        guard let size = Self.ratios[ratio] else { throw bad("unknown aspect_ratio") }
        return Draft(
            model: "openart", prompt: prompt, seconds: seconds, size: size,
            reference: pictures.compactMap { $0 }.first,
            origin: "https://\(request.head.headers["host"] ?? "localhost")")
    }

    private func refs(_ value: JSON?) throws(KinoraError) -> [JSON] {
        guard let value, !value.isNull, value != "" else { return [] }
        let list = value.stringValue.map { (try? JSONParser.parse(Array($0.utf8))) ?? .null } ?? value
        guard let list = list.arrayValue else { throw bad("refs is no array") }
        return list
    }

    private func number(_ value: JSON?, isText: Bool) throws(KinoraError) -> Int? {
        guard let value, !value.isNull, value != "" else { return nil }
        guard
            let number = isText ? value.stringValue.flatMap({ Int($0) }) : value.integerValue.map({ Int($0) })
        else { throw bad("duration must be an integer") }
        return number
    }

    private func bad(_ why: String) -> KinoraError { KinoraError(.invalidValue, why) }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view):
            // What a submit gives is too little for a poll, and what a poll gives is no harm to a submit.
            return .json(object(view))
        case .tasks(let views, _): return .json(.array(views.map(object)))
        case .content(let file, let type):
            var response = Response(status: 200, headers: [("Content-Type", type)])
            response.internalFile = World.internalPrefix + file
            return response
        case .credit(_, let limit, let used):
            return .json([
                "grand_total": JSON(max(0, Int(((limit ?? 1_000_000) - used) * 6250))),
                "credits_per_video": JSON(Self.creditsPerVideo), "cost_per_video_cny": 3,
            ])
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    private func object(_ view: TaskView) -> JSON {
        let status =
            switch view.status {
            case _ where view.hasUnknownStatus: "pondering"
            case .queued: "pending"
            case .inProgress: view.progress < 80 ? "generating" : "upscaling"
            case .completed: "done"
            case .failed, .cancelled: "failed"
            }
        func time(_ time: Timestamp?) -> JSON { time.map { .integer($0.seconds) } ?? .null }
        let url = JSON(view.film.map { "\(view.draft.origin)/openart/cdn/\($0)" })
        return [
            "id": JSON(view.id), "task_id": JSON(view.id), "status": JSON(status),
            "url_480p": view.progress >= 80 ? url : .null, "url_720p": url,
            "credit_cost": JSON(Self.creditsPerVideo),
            "error_msg": JSON(view.failure.map { "\($0.code): \($0.message)" }),
            "created_at": time(view.createdAt), "started_at": time(view.createdAt),
            "finished_at": time(view.completedAt),
        ]
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, words): (Int, String) =
            switch error.code {
            case .missingKey, .invalidKey: (401, "Invalid API key")
            case .upstreamRate, .upstreamConcurrency: (429, "队列已满")
            case .upstreamMoney, .shuttingDown: (503, "无可用账号")
            case .upstreamServer, .internalFault, .storageFailed: (500, "Internal Server Error")
            case .contentRefused: (400, "content policy: prompt rejected")
            case .routeNotFound, .taskNotFound, .contentNotFound: (404, "Not Found")
            default: (400, error.message)
            }
        let response = Response.json(["detail": JSON(words)], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
