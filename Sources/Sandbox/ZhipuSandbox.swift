internal import Core

/// Zhipu, below `/zhipu/api/paas/v4`: CogView's pictures at once, CogVideoX's videos as tasks, and chats.
/// Keys have the form `id.secret`; those whose id begins with `sandbox` are good. Pictures as tasks do not
/// exist here.
struct ZhipuSandbox: SandboxVendor {
    let name = "zhipu"

    private static let talker = OpenAISandbox()

    func newTaskID() -> String { "\(UInt64.random(in: .min ... .max))-\(UInt16.random(in: .min ... .max))" }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].wholeMatch(of: /sandbox[A-Za-z0-9_-]*\.[A-Za-z0-9]+/) != nil else {
            throw KinoraError(.invalidKey)
        }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let path = request.segments
        guard path.starts(with: ["api", "paas", "v4"]) else { throw KinoraError(.routeNotFound) }
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, Array(path.dropFirst(3))) {
        case (.post, ["images", "generations"]): return .draw(try picture(request))
        case (.post, ["videos", "generations"]): return .submit(try draft(request))
        case (.post, ["chat", "completions"]):
            return .talk(try Self.talker.chat(request.body, of: ["glm-4.6", "glm-4.5-flash"]))
        case (.get, let rest) where rest.count == 2 && rest[0] == "async-result": return .poll(rest[1])
        default: throw KinoraError(.routeNotFound)
        }
    }

    private static let common = [
        "model", "prompt", "size", "quality", "watermark_enabled", "user_id", "request_id",
    ]

    /// Six to 64 characters of their own for each request.
    private func checkCommon(_ fields: VendorFields) throws(KinoraError) {
        try fields.boolean("watermark_enabled")
        if let user = try fields.text("user_id"), !(6...128).contains(user.count) {
            throw fields.bad("user_id", "must have 6 to 128 characters")
        }
        _ = try fields.text("request_id")
    }

    private func picture(_ request: VendorRequest) throws(KinoraError) -> PictureDraft {
        let fields = try VendorFields(request)
        try fields.check(known: Self.common)
        try checkCommon(fields)
        let model = try fields.required("model")
        guard ["cogview-3-flash", "cogview-4", "cogview-4-250304", "glm-image"].contains(model) else {
            throw KinoraError(.modelNotFound, field: "model")
        }
        let is4 = model.hasPrefix("cogview-4")
        if fields.has("quality"), !is4 { throw fields.bad("quality", "is for cogview-4 only") }
        _ = try fields.choice("quality", ["standard", "hd"])
        let text = try fields.text("size") ?? "1024x1024"
        let listed = ["1024x1024", "768x1344", "864x1152", "1344x768", "1152x864", "1440x720", "720x1440"]
        guard let size = FrameSize(text), listed.contains(text) || is4 && Self.isFree(size) else {
            throw fields.bad("size", "is no size of this model")
        }
        return PictureDraft(
            model: model, prompt: try fields.required("prompt"), count: 1, size: size, format: "png",
            origin: StoreLink.origin(of: request.head))
    }

    private static func isFree(_ size: FrameSize) -> Bool {
        [size.width, size.height].allSatisfy { (512...2048).contains($0) && $0 % 16 == 0 }
    }

    private func draft(_ request: VendorRequest) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(known: Self.common + ["image_url", "with_audio", "fps", "duration"])
        try checkCommon(fields)
        let model = try fields.required("model")
        guard ["cogvideox-3", "cogvideox-2", "cogvideox-flash"].contains(model) else {
            throw KinoraError(.modelNotFound, field: "model")
        }
        let images = try images(fields)
        let prompt = images.isEmpty ? try fields.required("prompt") : try fields.text("prompt") ?? ""
        guard prompt.count <= 512 else { throw fields.bad("prompt", "is too long") }
        _ = try fields.choice("quality", ["speed", "quality"])
        try fields.boolean("with_audio")
        _ = try fields.integer("fps", 30...30, 60...60)
        let sizes = ["1280x720", "720x1280", "1024x1024", "1920x1080", "1080x1920", "2048x1080", "3840x2160"]
        let size = try fields.choice("size", sizes) ?? "1920x1080"
        return Draft(
            model: model, prompt: prompt, seconds: try fields.integer("duration", 5...5, 10...10) ?? 5,
            size: FrameSize(size) ?? FrameSize(1920, 1080), reference: images.compactMap(\.self).first,
            origin: StoreLink.origin(of: request.head))
    }

    /// A string, or two of them.
    private func images(_ fields: VendorFields) throws(KinoraError) -> [ReferenceImage?] {
        guard let value = fields["image_url"] else { return [] }
        let texts = value.arrayValue ?? [value]
        guard texts.count == (value.arrayValue == nil ? 1 : 2) else {
            throw fields.bad("image_url", "must be two")
        }
        var images: [ReferenceImage?] = []
        for text in texts {
            guard let text = text.stringValue else { throw fields.bad("image_url", "must be strings") }
            images.append(try fields.picture(text, of: "image_url", bytesMax: 5 << 20))
        }
        return images
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return .json(object(view))
        case .pictures(let pictures):
            let data = pictures.files.map { file -> JSON in
                let origin = pictures.draft.origin ?? ""
                return ["url": JSON(StoreLink.text(to: file, of: name, at: origin, from: pictures.createdAt))]
            }
            return .json([
                "created": .integer(pictures.createdAt.seconds), "data": .array(data),
                "content_filter": [["role": "assistant", "level": 3]],
            ])
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        case .talk: return Self.talker.answer(served)
        default: return Response(status: 500)
        }
    }

    /// It has no word for waiting: what is accepted is processed.
    private func object(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "PONDERING"
            case .queued, .inProgress: "PROCESSING"
            case .completed: "SUCCESS"
            case .failed, .cancelled: "FAIL"
            }
        var object: JSONObject = [
            "id": JSON(view.id), "model": JSON(view.draft.model), "request_id": JSON(view.id),
            "task_status": JSON(word),
        ]
        if let film = view.film, let end = view.completedAt {
            let url = StoreLink.text(to: film, of: name, at: view.draft.origin, from: end)
            object["video_result"] = [["url": JSON(url), "cover_image_url": ""]]
        }
        return .object(object)
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, code, message): (Int, String, String) =
            switch error.code {
            case .missingKey: (401, "1001", "no authorization header was received")
            case .invalidKey: (401, "1002", "the authorization token is invalid")
            case .upstreamRate: (429, "1303", "the API is called too often")
            case .upstreamConcurrency: (429, "1302", "the API is called too often at once")
            case .upstreamMoney: (429, "1113", "the account is in arrears")
            case .shuttingDown: (429, "1305", "the API has too many requests")
            case .upstreamServer, .internalFault, .storageFailed: (500, "1234", "network error")
            case .contentRefused: (400, "1301", "the content may be unsafe or sensitive")
            case .modelNotFound: (400, "1211", "the model does not exist")
            case .upstreamModelClosed: (403, "1220", "there is no permission for this")
            case .contentNotFound: (403, "1220", "the request has expired")
            case .taskNotFound, .routeNotFound: (404, "1222", "there is no such thing")
            default: (400, "1210", error.message)
            }
        let response = Response.json(
            ["error": ["code": JSON(code), "message": JSON(message)]], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
