internal import Core

/// A service of jimeng-api's kind, below `/jimeng-api`: pictures and videos of Jimeng with the answer to
/// their request, points by session. Sessions that begin with `sandbox` are good, with a region before them
/// or without (`us-sandbox1`). It refuses sizes, as those services do, and answers 200 to everything that it
/// has understood.
struct JimengAPISandbox: SandboxVendor {
    let name = "jimeng-api"

    private static let pictures = ["jimeng-3.0", "jimeng-4.0", "jimeng-4.1", "jimeng-4.5", "jimeng-4.6"]
    private static let videos = [
        "jimeng-video-3.0", "jimeng-video-3.0-pro", "jimeng-video-3.5-pro", "jimeng-video-seedance-2.0",
    ]
    private static let ratios = ["1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"]

    func newTaskID() -> String { TaskID.random().description }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].wholeMatch(of: /(us-|hk-|jp-|sg-)?sandbox.*/) != nil else {
            throw KinoraError(.invalidKey)
        }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, request.segments) {
        case (.get, ["v1", "models"]):
            let data = (Self.pictures + Self.videos).map { id -> JSON in
                ["id": JSON(id), "object": "model", "owned_by": "jimeng-free-api"]
            }
            return .fixed(.json(["data": .array(data)]))
        case (.post, ["v1", "images", "generations"]): return .draw(try picture(request))
        case (.post, ["v1", "videos", "generations"]): return .make(try film(request))
        case (.post, ["token", "points"]): return .credit(.subscription)
        default: throw KinoraError(.routeNotFound)
        }
    }

    /// The members of the body, whether it is JSON or a form, and the first picture that came with it.
    private func members(
        _ request: VendorRequest, known: [String]
    ) throws(KinoraError) -> (VendorFields, ReferenceImage?) {
        let fields: VendorFields
        var picture: ReferenceImage?
        switch request.body {
        case .form(let form):
            let texts = form.fields.map { (name: $0.name, value: JSON.string($0.value)) }
            fields = try VendorFields(.object(JSONObject(texts)), at: "")
            for file in form.files {
                guard file.field.wholeMatch(of: /image_file_[1-9]|files/) != nil,
                    let type = file.mediaType, ReferenceImage.types.contains(type),
                    let bytes = FileStore.bytes(of: file.path, max: 20 << 20)
                else { throw fields.bad(file.field, "is no picture") }
                picture = picture ?? ReferenceImage(bytes: bytes, type: type)
            }
        default: fields = try VendorFields(request)
        }
        for name in ["size", "width", "height"] where fields.has(name) {
            throw fields.bad(name, "is not supported: use ratio and resolution")
        }
        try fields.check(known: known + ["model", "prompt", "ratio", "resolution", "response_format"])
        return (fields, picture)
    }

    private func number(_ fields: VendorFields, _ name: String) throws(KinoraError) -> Int? {
        guard let value = fields[name] else { return nil }
        let number = value.integerValue.map { Int($0) } ?? value.stringValue.flatMap { Int($0) }
        guard let number else { throw fields.bad(name, "must be an integer") }
        return number
    }

    private func picture(_ request: VendorRequest) throws(KinoraError) -> PictureDraft {
        let (fields, reference) = try members(
            request, known: ["n", "negative_prompt", "sample_strength", "intelligent_ratio"])
        let model = try fields.text("model") ?? "jimeng-4.5"
        guard Self.pictures.contains(model) else { throw KinoraError(.modelNotFound, field: "model") }
        let count = try number(fields, "n") ?? 1
        guard (1...4).contains(count) else { throw fields.bad("n", "must be 1 to 4") }
        let level = try fields.choice("resolution", ["1k", "2k", "4k"]) ?? "2k"
        let side = ["1k": 1024, "2k": 2048, "4k": 4096][level] ?? 2048
        let isInline = try fields.choice("response_format", ["url", "b64_json"]) == "b64_json"
        return PictureDraft(
            model: model, prompt: try fields.required("prompt"), count: count,
            size: Self.size(try fields.choice("ratio", Self.ratios) ?? "1:1", longest: side), format: "jpeg",
            reference: reference, origin: isInline ? nil : StoreLink.origin(of: request.head))
    }

    private static func size(_ ratio: String, longest side: Int) -> FrameSize {
        let parts = ratio.split(separator: ":").compactMap { Int($0) }
        guard parts.count == 2 else { return FrameSize(side, side) }
        return parts[0] >= parts[1]
            ? FrameSize(side, side * parts[1] / parts[0] / 2 * 2)
            : FrameSize(side * parts[0] / parts[1] / 2 * 2, side)
    }

    private func film(_ request: VendorRequest) throws(KinoraError) -> Draft {
        let (fields, reference) = try members(request, known: ["duration", "file_paths", "filePaths"])
        let model = try fields.text("model") ?? "jimeng-video-3.5-pro"
        guard Self.videos.contains(model) else { throw KinoraError(.modelNotFound, field: "model") }
        let seconds = try number(fields, "duration") ?? 5
        guard (4...15).contains(seconds) else { throw fields.bad("duration", "is out of its bounds") }
        let level = try fields.choice("resolution", ["720p", "1080p"]) ?? "720p"
        let ratio = try fields.choice("ratio", Self.ratios) ?? "16:9"
        return Draft(
            model: model, prompt: try fields.required("prompt"), seconds: seconds,
            size: Self.size(ratio, longest: level == "720p" ? 1280 : 1920), reference: reference,
            origin: StoreLink.origin(of: request.head))
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .pictures(let pictures):
            let data = pictures.files.map { file -> JSON in
                guard let origin = pictures.draft.origin else {
                    return ["b64_json": JSON(Core.Base64.encode(pictures.bytes(file) ?? []))]
                }
                return ["url": JSON(StoreLink.text(to: file, of: name, at: origin, from: pictures.createdAt))]
            }
            return made(data, at: pictures.createdAt)
        case .task(let view):
            guard let film = view.film, let end = view.completedAt else {
                return answer(KinoraError(.generationFailed))
            }
            let link = StoreLink.text(to: film, of: name, at: view.draft.origin, from: end)
            return made([["url": JSON(link)]], at: view.createdAt)
        case .credit(_, let limit, let used):
            let left = JSON(max(0, Int((limit ?? 1000) - used)))
            return .json([
                [
                    "token": "sandbox",
                    "points": ["giftCredit": left, "purchaseCredit": 0, "vipCredit": 0, "totalCredit": left],
                ]
            ])
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    private func made(_ data: [JSON], at time: Timestamp) -> Response {
        .json(["created": .integer(time.seconds), "data": .array(data)])
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, code, message): (Int, Int, String) =
            switch error.code {
            case .missingKey, .invalidKey: (200, -2002, "Token已失效")
            case .upstreamRate: (429, -2001, "请求过于频繁")
            case .upstreamConcurrency: (429, -2001, "队列已满")
            case .upstreamMoney: (200, -2009, "积分不足")
            case .contentRefused: (200, -2006, "内容违规")
            case .generationFailed: (200, -2008, "视频生成失败")
            case .upstreamServer, .internalFault, .storageFailed, .shuttingDown: (200, -2001, "请求失败")
            case .contentNotFound: (403, -2001, "链接已过期")
            case .routeNotFound: (404, -1000, "[请求有误]: 没有这个地址")
            default: (200, -2000, error.message)
            }
        var response = Response.json(
            ["code": JSON(code), "message": JSON(message), "data": .null], status: status)
        if let after = error.retryAfterSeconds { response = response.adding("Retry-After", String(after)) }
        return response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
