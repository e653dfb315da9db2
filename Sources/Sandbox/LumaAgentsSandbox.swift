internal import Core

/// Luma's Agents API, below `/luma-agents/v1`: Ray 3.2's videos of texts and between frames. Keys that begin
/// with `luma-api-sandbox` are good. Pictures as results, changes of films, keyframes, HDR, files and the
/// headers that tell of limits do not exist here.
struct LumaAgentsSandbox: SandboxVendor {
    let name = "luma-agents"

    /// What the client calls its request.
    private var requestID: String?

    func facing(_ head: RequestHead) -> any SandboxVendor {
        var copy = self
        copy.requestID = head.headers["x-request-id"]
        return copy
    }

    func newTaskID() -> String { VendorID.uuid() }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer", words[1].hasPrefix("luma-api-sandbox") else {
            throw KinoraError(.invalidKey)
        }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let path = request.segments
        guard path.starts(with: ["v1", "generations"]) else { throw KinoraError(.routeNotFound) }
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, path.count) {
        case (.post, 2): return .submit(try draft(request))
        case (.get, 3): return .poll(path[2])
        default: throw KinoraError(.routeNotFound)
        }
    }

    private func draft(_ request: VendorRequest) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(known: ["model", "type", "prompt", "aspect_ratio", "video"])
        guard try fields.required("model") == "ray-3.2" else { throw fields.bad("model", "is unknown") }
        guard try fields.required("type") == "video" else { throw fields.bad("type", "must be video here") }
        let prompt = try fields.required("prompt")
        guard prompt.count <= 6000 else { throw fields.bad("prompt", "is too long") }
        let ratio =
            try fields.choice("aspect_ratio", ["9:16", "3:4", "1:1", "4:3", "16:9", "21:9"]) ?? "16:9"
        let video = try fields.fields("video") ?? VendorFields(empty: "video")
        try video.check(known: ["resolution", "duration", "loop", "start_frame", "end_frame"])
        let level = try video.choice("resolution", ["360p", "540p", "720p", "1080p"]) ?? "720p"
        let seconds = try video.choice("duration", ["5s", "10s"]) ?? "5s"
        let isLoop = try video.boolean("loop") ?? false
        var frames: [ReferenceImage?] = []
        for name in ["start_frame", "end_frame"] {
            if let frame = try video.fields(name) { frames.append(try picture(frame)) }
        }
        // Ten seconds neither begin nor end with a picture, nor with themselves.
        guard seconds == "5s" || (frames.isEmpty && !isLoop) else {
            throw video.bad("duration", "must be 5s with frames or a loop")
        }
        guard !isLoop || !video.has("end_frame") else { throw video.bad("loop", "has no end_frame") }
        return Draft(
            model: "ray-3.2", prompt: prompt, seconds: Int(seconds.dropLast()) ?? 5,
            size: FrameSize(shorter: Int(level.dropLast()) ?? 720, ratio),
            reference: frames.compactMap(\.self).first, origin: StoreLink.origin(of: request.head))
    }

    /// By an address, which is nil here, or base64 alone with its type beside it.
    private func picture(_ frame: VendorFields) throws(KinoraError) -> ReferenceImage? {
        try frame.check(known: ["url", "data", "media_type"])
        if let url = try frame.text("url") {
            guard url.hasPrefix("https://"), !frame.has("data") else {
                throw frame.bad("url", "must be one https address")
            }
            return nil
        }
        guard let bytes = Base64.bytes(try frame.required("data")) else {
            throw frame.bad("data", "is no base64")
        }
        guard bytes.count <= 50 << 20 else {
            throw KinoraError(.bodyTooLarge, "an image exceeds 50 MB", field: "data")
        }
        guard let type = MediaType(sniffing: bytes), ReferenceImage.types.contains(type),
            try frame.required("media_type") == type.rawValue
        else { throw frame.bad("media_type", "is not the type of the data") }
        return ReferenceImage(bytes: bytes, type: type)
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): .json(object(view), status: view.isNew ? 201 : 200)
        case .content(let file, let type): StoreLink.answer(file, type)
        case .fixed(let response): response
        default: Response(status: 500)
        }
    }

    private func object(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "pondering"
            case .queued: "queued"
            case .inProgress: "processing"
            case .completed: "completed"
            case .failed, .cancelled: "failed"
            }
        var object: JSONObject = [
            "id": JSON(view.id), "type": "video", "state": JSON(word), "model": JSON(view.draft.model),
            "created_at": JSON(view.createdAt.iso8601), "output": [],
            "failure_code": view.failure == nil ? .null : "generation_failed",
            "failure_reason": JSON(view.failure?.message),
        ]
        if let film = view.film, let end = view.completedAt {
            let url = StoreLink.text(to: film, of: name, at: view.draft.origin, from: end)
            object["output"] = [["type": "video", "url": JSON(url)]]
        }
        return .object(object)
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, message): (Int, String) =
            switch error.code {
            case .missingKey, .invalidKey: (401, "Invalid or missing API key")
            case .upstreamMoney: (402, "Insufficient balance")
            case .upstreamModelClosed: (403, "Access denied")
            case .upstreamRate: (429, "Rate limit exceeded")
            case .upstreamConcurrency: (429, "Too many concurrent jobs")
            case .shuttingDown: (503, "Image ingestion unavailable")
            case .upstreamServer, .internalFault, .storageFailed: (502, "Upstream service unavailable")
            case .bodyTooLarge: (413, error.message)
            case .taskNotFound: (404, "Generation not found")
            case .routeNotFound: (404, "Not Found")
            case .contentNotFound: (403, "Request has expired")
            case .invalidValue, .missingParameter: (422, error.message)
            default: (400, error.message)
            }
        let response = Response.json(["detail": JSON(message)], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response {
        response.adding("X-Request-Id", requestID ?? VendorID.uuid()).adding("X-API-Version", "2026-04-01")
    }
}
