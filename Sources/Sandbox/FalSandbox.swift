internal import Core

/// fal's queue, below `/fal`: some models, each with an input of its own. Keys have the form `id:secret`;
/// those whose id begins with `sandbox` are good. Logs, files and streams do not exist here, and nobody is
/// called back.
struct FalSandbox: SandboxVendor {
    let name = "fal"

    func newTaskID() -> String { VendorID.uuid() }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Key" else { throw KinoraError(.missingKey) }
        guard words[1].wholeMatch(of: /sandbox[A-Za-z0-9_-]*:[A-Za-z0-9]+/) != nil else {
            throw KinoraError(.invalidKey)
        }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let path = request.segments
        let method = request.head.method == .head ? .get : request.head.method
        // What follows a model's name is for submits only.
        if path.count >= 4, path[2] == "requests" {
            let place = "\(path[0])/\(path[1])"
            switch (method, path.dropFirst(4).joined(separator: "/")) {
            case (.get, "status"): return .poll(path[3], in: place)
            case (.get, ""): return .outcome(path[3])
            case (.put, "cancel"): return .cancel(path[3], forgetsEnded: false)
            default: throw KinoraError(.routeNotFound)
            }
        }
        guard method == .post, path.count >= 2 else { throw KinoraError(.routeNotFound) }
        if let hook = request.query["fal_webhook"], !hook.hasPrefix("https://") {
            throw KinoraError(.invalidValue, "fal_webhook is no address", field: "fal_webhook")
        }
        var draft = try draft(VendorFields(request), path.joined(separator: "/"))
        draft.section = "\(path[0])/\(path[1])"
        draft.origin = StoreLink.origin(of: request.head)
        return .submit(draft)
    }

    private static let ratios = ["16:9", "9:16", "1:1"]

    private func draft(_ fields: VendorFields, _ model: String) throws(KinoraError) -> Draft {
        switch model {
        case "fal-ai/kling-video/v2.5-turbo/pro/text-to-video":
            try fields.check(known: ["prompt", "duration", "aspect_ratio", "negative_prompt", "cfg_scale"])
            return try film(fields, model, reference: nil)
        case "fal-ai/kling-video/v2.5-turbo/pro/image-to-video":
            try fields.check(
                known: [
                    "prompt", "image_url", "tail_image_url", "duration", "negative_prompt", "cfg_scale",
                ])
            let first = try fields.picture(
                try fields.required("image_url"), of: "image_url", bytesMax: 10 << 20)
            if let last = try fields.text("tail_image_url") {
                _ = try fields.picture(last, of: "tail_image_url", bytesMax: 10 << 20)
            }
            return try film(fields, model, reference: first)
        case "fal-ai/nano-banana":
            try fields.check(known: ["prompt", "num_images", "aspect_ratio", "seed", "output_format"])
            let ratio = try fields.choice("aspect_ratio", Self.ratios) ?? "1:1"
            let size = Self.size(1024, ratio)
            var draft = Draft(
                model: model, prompt: try fields.required("prompt"), seconds: 0, size: size)
            draft.pictures = PictureDraft(
                model: model, prompt: draft.prompt, count: try fields.integer("num_images", 1...4) ?? 1,
                size: size, format: "png", origin: "")
            return draft
        default: throw KinoraError(.modelNotFound, "Application '\(model)' not found", field: "model")
        }
    }

    private func film(
        _ fields: VendorFields, _ model: String, reference: ReferenceImage?
    ) throws(KinoraError) -> Draft {
        let seconds = try fields.choice("duration", ["5", "10"]) ?? "5"
        let ratio = try fields.choice("aspect_ratio", Self.ratios) ?? "16:9"
        return Draft(
            model: model, prompt: try fields.required("prompt"), seconds: Int(seconds) ?? 5,
            size: Self.size(720, ratio), reference: reference)
    }

    private static func size(_ side: Int, _ ratio: String) -> FrameSize {
        switch ratio {
        case "16:9": FrameSize(side * 16 / 9, side)
        case "9:16": FrameSize(side, side * 16 / 9)
        default: FrameSize(side, side)
        }
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view):
            return .json(.object(object(view)), status: view.isFinal || view.isNew ? 200 : 202)
        case .outcome(let view): return output(view)
        case .cancelled: return .json(["status": "CANCELLATION_REQUESTED"], status: 202)
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    private func object(_ view: TaskView) -> JSONObject {
        let place = "\(view.draft.origin)/\(name)/\(view.draft.section ?? "")/requests/\(view.id)"
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "PONDERING"
            case .queued: "IN_QUEUE"
            case .inProgress: "IN_PROGRESS"
            case .completed, .failed, .cancelled: "COMPLETED"
            }
        var object: JSONObject = [
            "status": JSON(word), "request_id": JSON(view.id), "response_url": JSON(place),
            "status_url": JSON("\(place)/status"), "cancel_url": JSON("\(place)/cancel"), "logs": .null,
            "metrics": [:],
        ]
        if view.status == .queued { object["queue_position"] = 0 }
        if view.status == .cancelled {
            object["error"] = "Request was cancelled"
            object["error_type"] = "client_cancelled"
        }
        if let failure = view.failure {
            object["error"] = JSON(failure.message)
            object["error_type"] = "internal_error"
        }
        return object
    }

    private func output(_ view: TaskView) -> Response {
        guard let film = view.film else {
            return .json(["detail": JSON(view.failure?.message ?? "")], status: 500)
        }
        let end = view.completedAt ?? view.createdAt
        func file(_ name: String, _ type: String) -> JSON {
            [
                "url": JSON(StoreLink.text(to: name, of: self.name, at: view.draft.origin, from: end)),
                "content_type": JSON(type), "file_name": JSON(name), "file_size": 1,
            ]
        }
        guard let pictures = view.draft.pictures else { return .json(["video": file(film, "video/mp4")]) }
        let images = (0..<pictures.count).map {
            file(FilmFile.picture(view.id, $0, pictures.format), "image/png")
        }
        return .json(["images": .array(images), "description": ""])
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, detail): (Int, JSON) =
            switch error.code {
            case .missingKey, .invalidKey: (401, "Cannot access application. Authentication is required.")
            case .upstreamRate: (429, "Rate limit exceeded")
            case .upstreamConcurrency: (429, "Concurrent requests limit exceeded")
            case .upstreamMoney: (403, "User is locked. Reason: Exhausted balance. Top up your balance.")
            case .contentRefused:
                (
                    422,
                    [
                        [
                            "loc": ["body", "prompt"], "msg": "The content could not be processed.",
                            "type": "content_policy_violation",
                        ]
                    ]
                )
            case .shuttingDown: (503, "Service unavailable")
            case .upstreamServer, .internalFault, .storageFailed: (500, "Internal Server Error")
            case .taskNotFound, .routeNotFound, .modelNotFound: (404, "Not Found")
            case .upstreamModelClosed: (404, "Application not found")
            case .taskNotCompleted: (400, "Request is still in progress")
            case .taskNotFinal, .taskFinal: (400, "ALREADY_COMPLETED")
            case .contentNotFound: (403, "Request has expired")
            default:
                (
                    422,
                    [
                        [
                            "loc": ["body", JSON(error.field ?? "")], "msg": JSON(error.message),
                            "type": "value_error",
                        ]
                    ]
                )
            }
        let response = Response.json(["detail": detail], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response {
        response.adding("x-fal-request-id", TaskID.random().description)
    }
}
