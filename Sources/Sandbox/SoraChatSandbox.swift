internal import Core

/// A service of Sora2API's first kind, below `/sora-chat`: models and chats, and nothing else. Keys that
/// begin with `sandbox` are good; those that begin with `sandbox-json` are answered in the words of the
/// service's later kin, the others in its own. Characters, remixes and storyboards do not exist here.
struct SoraChatSandbox: SandboxVendor {
    let name = "sora-chat"

    private static let jsonKey = "sandbox-json"

    /// What a model's name says. Films have a length.
    private struct Model {
        let id: String
        let size: FrameSize
        var seconds = 0
    }

    private static let models: [Model] =
        [
            Model(id: "sora-image", size: FrameSize(360, 360)),
            Model(id: "sora-image-landscape", size: FrameSize(540, 360)),
            Model(id: "sora-image-portrait", size: FrameSize(360, 540)),
        ]
        + [10, 15, 25].flatMap { seconds in
            [
                Model(
                    id: "sora-video-landscape-\(seconds)s", size: FrameSize(1280, 720), seconds: seconds),
                Model(id: "sora-video-portrait-\(seconds)s", size: FrameSize(720, 1280), seconds: seconds),
            ]
        }

    func newTaskID() -> String { TaskID.random().description }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, request.segments) {
        case (.get, ["v1", "models"]):
            let data = Self.models.map { model -> JSON in
                ["id": JSON(model.id), "object": "model", "owned_by": "sora2api"]
            }
            return .fixed(.json(["object": "list", "data": .array(data)]))
        case (.post, ["v1", "chat", "completions"]): return try chat(request)
        default: throw KinoraError(.routeNotFound)
        }
    }

    private func chat(_ request: VendorRequest) throws(KinoraError) -> Order {
        let fields = try VendorFields(request)
        // Of these it does something of its own.
        for name in ["image", "video", "remix_target_id", "character_options"] where fields.has(name) {
            throw fields.bad(name, "is not played here")
        }
        try fields.check(known: ["model", "messages", "stream", "style_id", "max_tokens"])
        _ = try fields.text("style_id")
        let id = try fields.required("model")
        guard let model = Self.models.first(where: { $0.id == id }) else {
            throw KinoraError(.modelNotFound, "Invalid model: \(id)", field: "model")
        }
        let (prompt, reference) = try said(fields)
        guard try fields.boolean("stream") == true else { return .fixed(.json(Self.whole(id))) }
        let origin = StoreLink.origin(of: request.head)
        guard model.seconds > 0 else {
            return .draw(
                PictureDraft(
                    model: id, prompt: prompt, count: 1, size: model.size, format: "png",
                    reference: reference, origin: origin))
        }
        var draft = Draft(
            model: id, prompt: prompt, seconds: model.seconds, size: model.size, reference: reference,
            origin: origin)
        if request.head.authorization.revealed().contains(Self.jsonKey) { draft.facts["is_json"] = true }
        return .make(draft)
    }

    /// Of the last message the last text and the last picture.
    private func said(
        _ fields: VendorFields
    ) throws(KinoraError) -> (prompt: String, reference: ReferenceImage?) {
        guard let last = try fields.list("messages")?.last else {
            throw fields.bad("messages", "cannot be empty")
        }
        let message = try VendorFields(last, at: "messages")
        if let text = message["content"]?.stringValue { return (text, nil) }
        var prompt = ""
        var reference: ReferenceImage?
        for part in try message.list("content") ?? [] {
            let part = try VendorFields(part, at: "content")
            switch try part.choice("type", ["text", "image_url"]) {
            case "image_url":
                guard let image = try part.fields("image_url") else {
                    throw part.bad("image_url", "is missing")
                }
                reference = try image.picture(
                    try image.required("url"), of: "url", bytesMax: Limits.referenceBytesMax)
                // An address it overlooks without a word, and makes something else than was wanted.
                guard reference != nil else { throw image.bad("url", "must be a data URL") }
            default: prompt = try part.required("text")
            }
        }
        return (prompt, reference)
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view):
            let chat = SoraChatStream(at: view.createdAt, isJSON: view.draft.facts["is_json"] == true)
            guard let film = view.film, let end = view.completedAt else {
                return SoraChatStream.response(chat.begun + [SoraChatStream.trouble("Generation failed")])
            }
            let link = StoreLink.text(to: film, of: name, at: view.draft.origin, from: end)
            return SoraChatStream.response(chat.begun + [chat.film(link)])
        case .pictures(let pictures):
            let chat = SoraChatStream(at: pictures.createdAt, isJSON: false)
            let links = pictures.files.map { file in
                StoreLink.text(
                    to: file, of: name, at: pictures.draft.origin ?? "", from: pictures.createdAt)
            }
            return SoraChatStream.response(chat.begun + [chat.pictures(links)])
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    /// What it says to a chat without a stream.
    private static func whole(_ model: String) -> JSON {
        let words = "Available. Please enable streaming to use the generation feature."
        return [
            "id": "chatcmpl-0", "object": "chat.completion", "created": 0, "model": JSON(model),
            "choices": [
                [
                    "index": 0, "message": ["role": "assistant", "content": JSON(words)],
                    "finish_reason": "stop",
                ]
            ],
        ]
    }

    /// Whatever goes wrong before it begins is a 500 to it, but for what its frame checks. It knows no 429:
    /// that is for something before it to say.
    func answer(_ error: KinoraError) -> Response {
        let response: Response =
            switch error.code {
            case .missingKey: .json(["detail": "Not authenticated"], status: 403)
            case .invalidKey: .json(["detail": "Invalid API key"], status: 401)
            case .routeNotFound, .contentNotFound: .json(["detail": "Not Found"], status: 404)
            case .upstreamRate: .json(["detail": "Too Many Requests"], status: 429)
            case .shuttingDown: .json(["detail": "Service Unavailable"], status: 503)
            case .contentRefused:
                SoraChatStream.response(SoraChatStream(at: Timestamp(seconds: 0), isJSON: false).refused)
            case .upstreamConcurrency, .upstreamMoney:
                SoraChatStream.response([SoraChatStream.trouble("No available tokens for video generation.")])
            case .upstreamModelClosed: .json(SoraChatStream.trouble("Invalid model: none"), status: 500)
            case .missingParameter, .invalidValue, .malformedRequest:
                .json(["detail": [["loc": ["body"], "msg": JSON(error.message)]]], status: 422)
            default: .json(SoraChatStream.trouble(error.message), status: 500)
            }
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
