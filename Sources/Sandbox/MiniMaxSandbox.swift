internal import Core

/// MiniMax, below `/minimax/v1`: Hailuo's videos as tasks, whose files are asked for apart, and pictures at
/// once. Keys that begin with `sk-api-sandbox` are good. Templates do not exist here, and nobody is called
/// back. Its second version is `MiniMaxNewerSandbox`.
struct MiniMaxSandbox: SandboxVendor {
    let name = "minimax"

    /// Files have ids of their own: those of their tasks with another first digit.
    private static let taskDigit = "1", fileDigit = "2"

    func facing(_ head: RequestHead) -> any SandboxVendor {
        head.target.hasPrefix("/minimax/v2/") ? MiniMaxNewerSandbox(account: self) : self
    }

    func newTaskID() -> String {
        "\(Self.taskDigit)\(UInt64.random(in: 10_000_000_000_000...99_999_999_999_999))"
    }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("sk-api-sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, request.segments) {
        case (.post, ["v1", "video_generation"]): return .submit(try draft(request))
        case (.post, ["v1", "image_generation"]): return .draw(try picture(request))
        case (.get, ["v1", "query", "video_generation"]):
            guard let id = request.query["task_id"], !id.isEmpty else { throw KinoraError(.missingParameter) }
            return .poll(id)
        case (.get, ["v1", "files", "retrieve"]):
            guard let id = request.query["file_id"], id.hasPrefix(Self.fileDigit) else {
                throw KinoraError(.taskNotFound)
            }
            return .outcome(Self.taskDigit + id.dropFirst())
        default: throw KinoraError(.routeNotFound)
        }
    }

    private enum Kind { case text, frames, fast, subject }

    /// What a model starts from, and the lengths that it makes at each height.
    private static let models: [String: (kinds: [Kind], seconds: [String: [Int64]])] = [
        "MiniMax-Hailuo-2.3": ([.text, .frames], ["768P": [6, 10], "1080P": [6]]),
        "MiniMax-Hailuo-2.3-Fast": ([.fast], ["768P": [6, 10], "1080P": [6]]),
        "MiniMax-Hailuo-02": ([.text, .frames], ["512P": [6, 10], "768P": [6, 10], "1080P": [6]]),
        "T2V-01": ([.text], ["720P": [6]]), "I2V-01": ([.frames], ["720P": [6]]),
        "S2V-01": ([.subject], ["720P": [6]]),
    ]

    private static let fields = [
        "model", "prompt", "first_frame_image", "last_frame_image", "subject_reference", "duration",
        "resolution", "prompt_optimizer", "fast_pretreatment", "aigc_watermark", "callback_url",
    ]

    private func draft(_ request: VendorRequest) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(known: Self.fields)
        let model = try fields.required("model")
        guard let facts = Self.models[model] else {
            throw KinoraError(.modelNotFound, "model \(model) is unknown", field: "model")
        }
        for name in ["prompt_optimizer", "fast_pretreatment", "aigc_watermark"] { try fields.boolean(name) }
        let images = try images(fields, facts.kinds)
        let prompt = images.isEmpty ? try fields.required("prompt") : try fields.text("prompt") ?? ""
        guard prompt.count <= 2000 else { throw fields.bad("prompt", "is too long") }
        let usual = facts.seconds["768P"] == nil ? "720P" : "768P"
        let level = try fields.text("resolution") ?? usual
        guard let lengths = facts.seconds[level] else { throw fields.bad("resolution", "is not made") }
        let seconds = try fields.integer("duration", 6...6, 10...10) ?? 6
        guard lengths.contains(Int64(seconds)) else { throw fields.bad("duration", "is not made") }
        if let url = try fields.text("callback_url"), !url.hasPrefix("https://") {
            throw fields.bad("callback_url", "is no address")
        }
        let height = Int(level.dropLast()) ?? 768
        return Draft(
            model: model, prompt: prompt, seconds: seconds, size: FrameSize(height * 16 / 9 / 2 * 2, height),
            reference: images.compactMap(\.self).first, origin: StoreLink.origin(of: request.head))
    }

    private func images(_ fields: VendorFields, _ kinds: [Kind]) throws(KinoraError) -> [ReferenceImage?] {
        if kinds == [.subject] {
            guard let subjects = try fields.list("subject_reference"), subjects.count == 1 else {
                throw fields.bad("subject_reference", "must be one")
            }
            let subject = try VendorFields(subjects[0], at: "subject_reference")
            _ = try subject.choice("type", ["character"])
            guard let images = try subject.list("image"), images.count == 1, let text = images[0].stringValue
            else { throw subject.bad("image", "must be one") }
            return [try subject.picture(text, of: "image", bytesMax: 20 << 20)]
        }
        if fields.has("subject_reference") { throw fields.bad("subject_reference", "is not taken") }
        var images: [ReferenceImage?] = []
        for name in ["first_frame_image", "last_frame_image"] {
            guard let text = try fields.text(name) else { continue }
            images.append(try fields.picture(text, of: name, bytesMax: 20 << 20))
        }
        guard fields.has("first_frame_image") || images.isEmpty else {
            throw fields.bad("last_frame_image", "comes without a first one")
        }
        let isGood =
            switch images.count {
            case 0: kinds.contains(.text)
            case 1: kinds.contains(.frames) || kinds.contains(.fast)
            default: kinds.contains(.frames)
            }
        guard isGood else { throw fields.bad("first_frame_image", "has the wrong count for this model") }
        return images
    }

    private func picture(_ request: VendorRequest) throws(KinoraError) -> PictureDraft {
        let fields = try VendorFields(request)
        try fields.check(
            known: [
                "model", "prompt", "aspect_ratio", "n", "seed", "response_format", "subject_reference",
                "prompt_optimizer", "aigc_watermark",
            ])
        guard try fields.required("model") == "image-01" else { throw fields.bad("model", "is unknown") }
        let prompt = try fields.required("prompt")
        guard prompt.count <= 1500 else { throw fields.bad("prompt", "is too long") }
        let sizes = [
            "1:1": "1024x1024", "16:9": "1280x720", "4:3": "1152x864", "3:2": "1248x832", "2:3": "832x1248",
            "3:4": "864x1152", "9:16": "720x1280", "21:9": "1344x576",
        ]
        let ratio = try fields.choice("aspect_ratio", sizes.keys.sorted()) ?? "1:1"
        guard try fields.choice("response_format", ["url"]) != nil else {
            throw fields.bad("response_format", "must be url here")
        }
        var reference: ReferenceImage?
        if let subjects = try fields.list("subject_reference") {
            guard subjects.count == 1 else { throw fields.bad("subject_reference", "must be one") }
            let subject = try VendorFields(subjects[0], at: "subject_reference")
            _ = try subject.choice("type", ["character"])
            let text = try subject.required("image_file")
            reference = try subject.picture(text, of: "image_file", bytesMax: 10 << 20)
        }
        return PictureDraft(
            model: "image-01", prompt: prompt, count: try fields.integer("n", 1...9) ?? 1,
            size: FrameSize(sizes[ratio] ?? "") ?? FrameSize(1024, 1024), format: "jpeg",
            reference: reference, origin: StoreLink.origin(of: request.head))
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return said(object(view))
        case .outcome(let view):
            return view.film == nil ? answer(KinoraError(.taskNotFound)) : said(["file": file(view)])
        case .pictures(let pictures):
            let links = pictures.files.map {
                JSON(
                    StoreLink.text(
                        to: $0, of: name, at: pictures.draft.origin ?? "", from: pictures.createdAt))
            }
            return said([
                "id": JSON(TaskID.random().description), "data": ["image_urls": .array(links)],
                "metadata": ["success_count": JSON("\(links.count)"), "failed_count": "0"],
            ])
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    private func said(
        _ members: JSONObject, _ code: Int = 0, _ message: String = "success", status: Int = 200
    ) -> Response {
        var object = members
        object["base_resp"] = ["status_code": JSON(code), "status_msg": JSON(message)]
        return .json(.object(object), status: status)
    }

    private func object(_ view: TaskView) -> JSONObject {
        guard !view.isNew else { return ["task_id": JSON(view.id)] }
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "Pondering"
            case .queued: view.age < .milliseconds(100) ? "Preparing" : "Queueing"
            case .inProgress: "Processing"
            case .completed: "Success"
            case .failed, .cancelled: "Fail"
            }
        var object: JSONObject = ["task_id": JSON(view.id), "status": JSON(word)]
        if view.film != nil {
            object["file_id"] = JSON("\(Self.fileDigit)\(view.id.dropFirst())")
            object["video_width"] = JSON(view.draft.size.width)
            object["video_height"] = JSON(view.draft.size.height)
        }
        return object
    }

    private func file(_ view: TaskView) -> JSON {
        let end = view.completedAt ?? view.createdAt
        let link = StoreLink.text(to: view.film ?? "", of: name, at: view.draft.origin, from: end)
        return [
            // A number here, where the task has it as a text.
            "file_id": .integer(Int64("\(Self.fileDigit)\(view.id.dropFirst())") ?? 0), "bytes": 0,
            "created_at": .integer(end.seconds), "filename": "output.mp4", "purpose": "video_generation",
            "download_url": JSON(link),
        ]
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, code, message): (Int, Int, String) =
            switch error.code {
            case .missingKey:
                (200, 1004, "login fail: Please carry the API secret key in the 'Authorization' field")
            case .invalidKey: (200, 2049, "invalid api key")
            case .upstreamRate: (200, 1002, "rate limit exceeded")
            case .upstreamConcurrency: (200, 1002, "rate limit exceeded: too many tasks")
            case .upstreamMoney: (200, 1008, "insufficient balance")
            case .shuttingDown: (503, 1024, "internal error")
            case .upstreamServer, .internalFault, .storageFailed: (200, 1000, "unknown error")
            case .contentRefused: (200, 1026, "the input is sensitive")
            case .upstreamModelClosed: (200, 2061, "your plan does not support the model")
            case .contentNotFound: (403, 2013, "the request has expired")
            case .routeNotFound: (404, 2013, "there is no such thing")
            default: (200, 2013, "invalid params, \(error.message)")
            }
        let response = said([:], code, message, status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
