internal import Core

/// Replicate, below `/replicate/v1`: some of its official models, each with an input of its own. Keys that
/// begin with `r8_sandbox` are good. Versions, deployments, files and streams do not exist here, nobody waits
/// for a prediction, and nobody is called back.
struct ReplicateSandbox: SandboxVendor {
    let name = "replicate"

    private static let alphabet = Array("abcdefghijkmnpqrstvwxyz0123456789")

    func newTaskID() -> String { String((0..<26).map { _ in Self.alphabet.randomElement() ?? "a" }) }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("r8_sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let method = request.head.method == .head ? .get : request.head.method
        let path = request.segments
        guard path.first == "v1" else { throw KinoraError(.routeNotFound) }
        let rest = Array(path.dropFirst())
        switch (method, rest.count) {
        case (.post, 4) where rest[0] == "models" && rest[3] == "predictions":
            return .submit(try draft(request, "\(rest[1])/\(rest[2])"))
        case (.get, 1) where rest[0] == "predictions":
            return .list(Page(limit: 100, isAscending: false, after: nil))
        case (.get, 2) where rest[0] == "predictions": return .poll(rest[1])
        case (.post, 3) where rest[0] == "predictions" && rest[2] == "cancel":
            return .abort(rest[1], forgets: false)
        default: throw KinoraError(.routeNotFound)
        }
    }

    private func draft(_ request: VendorRequest, _ model: String) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(known: ["input", "webhook", "webhook_events_filter", "stream"])
        if let hook = try fields.text("webhook"), !hook.hasPrefix("https://") {
            throw fields.bad("webhook", "is no https address")
        }
        for event in try fields.list("webhook_events_filter") ?? [] {
            guard ["start", "output", "logs", "completed"].contains(event.stringValue) else {
                throw fields.bad("webhook_events_filter", "has an unknown event")
            }
        }
        guard let input = try fields.fields("input") else {
            throw KinoraError(.missingParameter, "input is required", field: "input")
        }
        var draft =
            switch model {
            case "kwaivgi/kling-v2.5-turbo-pro": try film(input, model)
            case "google/nano-banana": try picture(input, model)
            default: throw KinoraError(.modelNotFound)
            }
        draft.origin = StoreLink.origin(of: request.head)
        draft.facts = ["input": .object(input.object)]
        return draft
    }

    private func film(_ input: VendorFields, _ model: String) throws(KinoraError) -> Draft {
        try input.check(
            known: ["prompt", "duration", "aspect_ratio", "negative_prompt", "image", "last_frame_image"])
        var reference: ReferenceImage?
        if let image = try input.text("image") {
            reference = try input.picture(image, of: "image", bytesMax: 1 << 20)
        }
        if let last = try input.text("last_frame_image") {
            _ = try input.picture(last, of: "last_frame_image", bytesMax: 1 << 20)
        }
        let ratio = try input.choice("aspect_ratio", ["16:9", "9:16", "1:1"]) ?? "16:9"
        let size = ["9:16": FrameSize(720, 1280), "1:1": FrameSize(720, 720)][ratio] ?? FrameSize(1280, 720)
        return Draft(
            model: model, prompt: try input.required("prompt"),
            seconds: try input.integer("duration", 5...5, 10...10) ?? 5, size: size, reference: reference)
    }

    private func picture(_ input: VendorFields, _ model: String) throws(KinoraError) -> Draft {
        try input.check(known: ["prompt", "image_input", "aspect_ratio", "output_format"])
        for image in try input.list("image_input") ?? [] {
            guard let text = image.stringValue else { throw input.bad("image_input", "must be strings") }
            _ = try input.picture(text, of: "image_input", bytesMax: 1 << 20)
        }
        let sizes = ["1:1": "1024x1024", "16:9": "1344x768", "9:16": "768x1344"]
        let ratio = try input.choice("aspect_ratio", sizes.keys.sorted()) ?? "1:1"
        let size = FrameSize(sizes[ratio] ?? "") ?? FrameSize(1024, 1024)
        var draft = Draft(model: model, prompt: try input.required("prompt"), seconds: 0, size: size)
        draft.pictures = PictureDraft(
            model: model, prompt: draft.prompt, count: 1, size: size, format: "png", origin: "")
        return draft
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return .json(object(view), status: view.isNew ? 201 : 200)
        case .tasks(let views, _):
            return .json(["previous": .null, "next": .null, "results": .array(views.map(object))])
        case .deleted(let id), .cancelled(let id):
            return .json(["id": JSON(id), "status": "canceled"])
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    private func object(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "pondering"
            case .queued: "starting"
            case .inProgress: "processing"
            case .completed: "succeeded"
            case .failed: "failed"
            case .cancelled: "canceled"
            }
        let place = "\(view.draft.origin)/\(name)/v1/predictions/\(view.id)"
        var object: JSONObject = [
            "id": JSON(view.id), "model": JSON(view.draft.model), "version": "hidden", "status": JSON(word),
            "output": .null, "error": JSON(view.failure?.message), "logs": "", "metrics": [:],
            "created_at": JSON(view.createdAt.iso8601Microseconds), "data_removed": false,
            "urls": ["get": JSON(place), "cancel": JSON("\(place)/cancel")],
        ]
        for (name, value) in view.draft.facts.members { object[name] = value }
        if let film = view.film, let end = view.completedAt {
            // Some models give a text, and some a list: as the model is.
            object["output"] = JSON(StoreLink.text(to: film, of: name, at: view.draft.origin, from: end))
            object["completed_at"] = JSON(end.iso8601Microseconds)
        }
        return .object(object)
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, title, detail): (Int, String, String) =
            switch error.code {
            case .missingKey, .invalidKey:
                (401, "Unauthenticated", "You did not pass a valid authentication token")
            case .upstreamRate, .upstreamConcurrency:
                (429, "Too many requests", "Request was throttled. Your rate limit resets in ~30s.")
            case .upstreamMoney:
                (402, "Insufficient credit", "You have insufficient credit to run this model.")
            case .contentRefused: (422, "Input validation failed", "The input was flagged as sensitive.")
            case .shuttingDown: (503, "Service Unavailable", "Try again later.")
            case .upstreamServer, .internalFault, .storageFailed:
                (500, "Internal Server Error", "An internal error occurred.")
            case .taskNotFound, .routeNotFound, .modelNotFound, .upstreamModelClosed:
                (404, "Not found", "The requested resource could not be found.")
            case .contentNotFound: (403, "Forbidden", "Request has expired")
            default: (422, "Input validation failed", "- \(error.field ?? ""): \(error.message)\n")
            }
        let response = Response.json(
            [
                "title": JSON(title), "detail": JSON(detail), "status": JSON(status),
                "type": "https://replicate.com/docs/reference/http#errors",
            ], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
