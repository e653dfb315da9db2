internal import Core

/// The OpenAI video and images APIs, text models and embeddings, below `/openai/v1`. Keys that begin with
/// `sk-sandbox` are good; every other key is answered 401.
///
/// `seconds` may also be "10", "15" and "25": many compatible gateways offer these lengths, the vendor does
/// not.
/// The files API does not exist here, so every `file_id` is unknown; an https `image_url` is accepted and not
/// fetched, since the sandbox never speaks to the outside. The two billing pages are those of compatible
/// gateways, and count in dollars.
struct OpenAISandbox: SandboxVendor {
    let name = "openai"

    private static let seconds = ["4", "8", "12", "10", "15", "25"]
    private static let sizes = ["720x1280", "1280x720"]
    private static let sizesOfPro = sizes + ["1024x1792", "1792x1024", "1080x1920", "1920x1080"]
    private static let models: [(id: String, created: Int)] = [
        ("sora-2", 1_759_708_615), ("sora-2-2025-10-06", 1_759_708_615), ("sora-2-2025-12-08", 1_765_152_000),
        ("sora-2-pro", 1_759_708_663), ("sora-2-pro-2025-10-06", 1_759_708_663), ("gpt-4", 1_687_882_411),
        ("gpt-4-0613", 1_686_588_896), ("gpt-4o", 1_715_367_049), ("gpt-4o-mini", 1_721_172_741),
        ("text-embedding-3-small", 1_705_948_997), ("text-embedding-3-large", 1_705_953_180),
    ]
    /// `style_id` is no field of OpenAI's own, but services that are compatible with it take it.
    private static let fields = ["model", "prompt", "seconds", "size", "input_reference", "style_id"]

    func newTaskID() -> String { "video_\(Self.randomHex())" }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if Self.isFileLink(head.target) {
            // As object stores do with two ways to prove oneself at once.
            guard head.authorization.isEmpty else { throw KinoraError(.malformedRequest) }
            return ""
        }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("sk-sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        let path = request.segments
        func at(_ index: Int) -> String? { index < path.count ? path[index] : nil }
        if at(0) == "files", let file = at(1), path.count == 2 { return .picture(file) }
        guard at(0) == "v1", path.count <= 4 else { throw unknownRoute(request) }
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, at(1), at(2), at(3)) {
        case (.post, "videos", nil, nil): return .submit(try draft(request))
        case (.get, "videos", nil, nil): return .list(try page(request.query))
        case (.get, "videos", let id?, nil): return .poll(id)
        case (.delete, "videos", let id?, nil): return .delete(id)
        case (.post, "images", "generations", nil): return try picture(request, isEdit: false)
        case (.post, "images", "edits", nil): return try picture(request, isEdit: true)
        case (.get, "videos", let id?, "content"): return .content(id, try rendition(request.query))
        case (.post, "videos", let id?, "remix"):
            let fields = try jsonFields(request, known: ["prompt"])
            return .remix(of: id, prompt: try prompt(fields))
        case (.get, "models", nil, nil):
            return .fixed(.json(["object": "list", "data": .array(Self.models.map(modelObject))]))
        case (.get, "models", let id?, nil):
            guard let model = Self.models.first(where: { $0.id == id }) else {
                throw KinoraError(.modelNotFound, "The model '\(id)' does not exist.", field: "model")
            }
            return .fixed(.json(modelObject(model)))
        case (.post, "chat", "completions"?, nil): return .talk(try chat(request.body))
        case (.post, "embeddings", nil, nil): return .talk(try embedding(request.body))
        case (.get, "dashboard", "billing", let part?):
            guard let billing = Billing(rawValue: part) else { throw unknownRoute(request) }
            return .credit(billing)
        case (_, "videos", _, nil), (_, "videos", _?, "content"), (_, "videos", _?, "remix"),
            (_, "models", _, nil), (_, "chat", "completions"?, nil), (_, "embeddings", nil, nil):
            throw KinoraError(.methodNotAllowed, "This method is not allowed for this URL.")
        default:
            throw unknownRoute(request)
        }
    }

    private func unknownRoute(_ request: VendorRequest) -> KinoraError {
        let method = request.head.method?.rawValue ?? "?"
        return KinoraError(
            .routeNotFound, "Invalid URL (\(method) /\(request.segments.joined(separator: "/")))")
    }

    private func draft(_ request: VendorRequest) throws(KinoraError) -> Draft {
        let fields: JSONObject
        var reference: ReferenceImage?
        if case .form(let form) = request.body, isMultipart(request) {
            fields = try textFields(form)
            reference = try file(of: form)
        } else {
            fields = try jsonFields(request, known: Self.fields)
            reference = try linkedReference(fields["input_reference"])
        }
        let model = try text(fields, "model") ?? "sora-2"
        let isPro = model.hasPrefix("sora-2-pro")
        guard isKnownModel(model) else { throw invalid("model", model, ["sora-2", "sora-2-pro"]) }
        let prompt = try prompt(fields)
        let seconds = try choice(fields, "seconds", Self.seconds) ?? "4"
        let size = try choice(fields, "size", isPro ? Self.sizesOfPro : Self.sizes) ?? "720x1280"
        guard let length = Int(seconds), let frame = FrameSize(size) else { throw KinoraError(.invalidValue) }
        if let reference { try check(reference, against: frame) }
        return Draft(model: model, prompt: prompt, seconds: length, size: frame, reference: reference)
    }

    func isMultipart(_ request: VendorRequest) -> Bool {
        request.head.contentType.lowercased().hasPrefix("multipart/form-data")
    }

    private func textFields(_ form: Form) throws(KinoraError) -> JSONObject {
        var object = JSONObject()
        for (name, value) in form.fields {
            guard name != "input_reference" else {
                throw KinoraError(
                    .invalidValue, "Invalid type for 'input_reference': expected a file.", field: name)
            }
            try check(name: name, known: Self.fields)
            guard object[name] == nil else {
                throw KinoraError(.invalidValue, "Duplicate parameter: '\(name)'.", field: name)
            }
            object[name] = .string(value)
        }
        return object
    }

    func jsonFields(_ request: VendorRequest, known: [String]) throws(KinoraError) -> JSONObject {
        let type = request.head.contentType.lowercased()
        guard type.hasPrefix("application/json") else {
            throw KinoraError(
                .unsupportedMediaType,
                "Unsupported content type: '\(type)'. This method accepts 'application/json' and "
                    + "'multipart/form-data' requests.")
        }
        guard case .json(let json) = request.body, let object = json.objectValue else {
            throw KinoraError(.malformedRequest, "The body must be a JSON object.")
        }
        for name in object.names { try check(name: name, known: known) }
        return object
    }

    func check(name: String, known: [String]) throws(KinoraError) {
        guard !known.contains(name) else { return }
        let hint = name == "duration" ? " Did you mean 'seconds'?" : ""
        throw KinoraError(.malformedRequest, "Unknown parameter: '\(name)'.\(hint)", field: name)
    }

    private func isKnownModel(_ model: String) -> Bool {
        model.wholeMatch(of: /sora-2(-pro)?(-\d{4}-\d{2}-\d{2})?/) != nil
    }

    func text(_ fields: JSONObject, _ name: String) throws(KinoraError) -> String? {
        guard let value = fields[name], !value.isNull else { return nil }
        if let text = value.stringValue { return text }
        throw KinoraError(
            .invalidValue,
            "Invalid type for '\(name)': expected a string, but got \(value.kindName) instead.",
            field: name)
    }

    func choice(
        _ fields: JSONObject, _ name: String, _ allowed: [String]
    ) throws(KinoraError) -> String? {
        guard let text = try text(fields, name) else { return nil }
        guard allowed.contains(text) else { throw invalid(name, text, allowed) }
        return text
    }

    func invalid(_ name: String, _ value: String, _ allowed: [String]) -> KinoraError {
        let list = allowed.map { "'\($0)'" }.joined(separator: ", ")
        return KinoraError(
            .invalidValue, "Invalid value: '\(value.prefix(100))'. Supported values are: \(list).",
            field: name)
    }

    func prompt(_ fields: JSONObject) throws(KinoraError) -> String {
        guard let prompt = try text(fields, "prompt") else {
            throw KinoraError(.missingParameter, "Missing required parameter: 'prompt'.", field: "prompt")
        }
        let length = prompt.unicodeScalars.count
        guard (1...32_000).contains(length) else {
            throw KinoraError(
                .invalidValue,
                "Invalid 'prompt': expected a string of 1 to 32000 characters, but got one of \(length).",
                field: "prompt")
        }
        return prompt
    }

    private func page(_ query: Query) throws(KinoraError) -> Page {
        let limit = query["limit"].map { Int($0) ?? -1 } ?? 20
        guard (0...100).contains(limit) else {
            throw KinoraError(
                .invalidValue, "Invalid 'limit': expected an integer from 0 to 100.", field: "limit")
        }
        let order = query["order"] ?? "desc"
        guard ["asc", "desc"].contains(order) else { throw invalid("order", order, ["asc", "desc"]) }
        return Page(limit: limit, isAscending: order == "asc", after: query["after"])
    }

    private func rendition(_ query: Query) throws(KinoraError) -> Rendition {
        let word = query["variant"] ?? Rendition.video.rawValue
        guard let rendition = Rendition(rawValue: word) else {
            throw invalid("variant", word, Rendition.allCases.map(\.rawValue))
        }
        return rendition
    }

    // MARK: references

    private func file(of form: Form) throws(KinoraError) -> ReferenceImage? {
        guard let file = form.files.first else { return nil }
        try check(name: file.field, known: ["input_reference"])
        guard form.files.count == 1 else { throw unusable("expected one file") }
        guard let bytes = FileStore.bytes(of: file.path, max: Limits.referenceBytesMax) else {
            throw unusable("the file is too large")
        }
        return try image(bytes)
    }

    private func linkedReference(_ value: JSON?) throws(KinoraError) -> ReferenceImage? {
        guard let value, !value.isNull else { return nil }
        guard let object = value.objectValue, object.names.count == 1, let name = object.names.first,
            ["image_url", "file_id"].contains(name), let text = object[name]?.stringValue
        else { throw unusable("expected an object with exactly one of 'image_url' and 'file_id'") }
        if name == "file_id" { throw unusable("no such file: '\(text.prefix(100))'") }
        if text.hasPrefix("https://") { return nil }
        guard let match = text.prefixMatch(of: /data:[A-Za-z0-9.+\/-]+;base64,/),
            let bytes = Base64.bytes(text[match.range.upperBound...])
        else { throw unusable("'image_url' must be an https URL or a base64 data URL") }
        return try image(bytes)
    }

    private func image(_ bytes: [UInt8]) throws(KinoraError) -> ReferenceImage {
        guard let type = MediaType(sniffing: bytes), ReferenceImage.types.contains(type) else {
            throw unusable("unsupported file type; supported are 'image/jpeg', 'image/png' and 'image/webp'")
        }
        return ReferenceImage(bytes: bytes, type: type)
    }

    private func check(_ reference: ReferenceImage, against size: FrameSize) throws(KinoraError) {
        guard let actual = FrameSize(ofImage: reference.bytes) else { throw unusable("the image is broken") }
        guard actual == size else {
            throw unusable("the image is \(actual), but the requested size is \(size)")
        }
    }

    private func unusable(_ why: String) -> KinoraError {
        KinoraError(.invalidValue, "Invalid 'input_reference': \(why).", field: "input_reference")
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return .json(object(view))
        case .tasks(let views, let hasMore):
            return .json([
                "object": "list", "data": .array(views.map(object)), "first_id": JSON(views.first?.id),
                "last_id": JSON(views.last?.id), "has_more": .bool(hasMore),
            ])
        case .deleted(let id): return .json(["id": JSON(id), "object": "video.deleted", "deleted": true])
        case .content(let file, let type):
            var response = Response(status: 200, headers: [("Content-Type", type)])
            response.internalFile = World.internalPrefix + file
            return response
        case .credit(.subscription, let limit, _):
            let dollars = JSON.decimal(String(limit ?? Self.unlimitedDollars))
            return .json([
                "object": "billing_subscription", "has_payment_method": true, "soft_limit_usd": dollars,
                "hard_limit_usd": dollars, "system_hard_limit_usd": dollars, "access_until": 0,
            ])
        case .credit(.usage, _, let used):
            return .json(["object": "list", "total_usage": .decimal(String(used * 100))])
        case .talk(let talk, let now): return answer(talk, id: "chatcmpl-\(Self.randomHex())", at: now)
        case .pictures(let pictures): return answer(pictures)
        case .fixed(let response): return response
        case .page, .cancelled, .outcome: return Response(status: 500)
        }
    }

    private static let unlimitedDollars = 100_000_000.0

    private func object(_ view: TaskView) -> JSON {
        let status =
            switch view.status {
            case _ where view.hasUnknownStatus: "pondering"
            case .queued: "queued"
            case .inProgress: "in_progress"
            case .completed: "completed"
            case .failed, .cancelled: "failed"
            }
        func time(_ time: Timestamp?) -> JSON { time.map { .integer($0.seconds) } ?? .null }
        return [
            "id": JSON(view.id), "object": "video", "model": JSON(view.draft.model), "status": JSON(status),
            "progress": JSON(view.progress), "created_at": time(view.createdAt),
            "completed_at": time(view.completedAt),
            "expires_at": time(view.completedAt.map { $0 + World.contentLifetime }),
            "prompt": JSON(view.draft.prompt), "seconds": JSON(String(view.draft.seconds)),
            "size": JSON(view.draft.size.description), "remixed_from_video_id": JSON(view.draft.remixOf),
            "error": view.failure.map { ["code": JSON($0.code), "message": JSON($0.message)] } ?? .null,
        ]
    }

    private func modelObject(_ model: (id: String, created: Int)) -> JSON {
        [
            "id": JSON(model.id), "object": "model", "created": JSON(model.created), "owned_by": "openai",
            "shutdown_date": .null,
        ]
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, type, code, message) = facts(of: error)
        let body: JSON = [
            "error": [
                "message": JSON(message ?? error.message), "type": JSON(type), "param": JSON(error.field),
                "code": JSON(code),
            ]
        ]
        let response = Response.json(body, status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    /// Status, type, code, and a message where Kinora's own would not be the vendor's.
    private func facts(of error: KinoraError) -> (Int, String, String?, String?) {
        let request = "invalid_request_error"
        switch error.code {
        case .missingKey: return (401, request, nil, "You did not provide an API key.")
        case .invalidKey: return (401, request, "invalid_api_key", "Incorrect API key provided.")
        case .upstreamRate:
            return (429, "requests", "rate_limit_exceeded", "Rate limit reached for requests.")
        case .upstreamConcurrency:
            return (429, "requests", "rate_limit_exceeded", "Too many videos are in progress at once.")
        case .upstreamMoney:
            return (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota.")
        case .upstreamServer, .internalFault, .storageFailed:
            return (500, "server_error", nil, "The server had an error while processing your request.")
        case .shuttingDown: return (503, "server_error", nil, "The server is overloaded or not ready yet.")
        case .contentRefused:
            return (
                400, request, "content_policy_violation", "Your request was rejected by the safety system."
            )
        case .taskNotFound: return (404, request, nil, "No video with this id was found.")
        case .contentNotFound: return (404, request, nil, "The content of this video is not available.")
        case .taskNotCompleted: return (404, request, nil, "The video is not ready yet.")
        case .generationFailed: return (400, request, nil, "The generation of this video failed.")
        case .taskNotFinal: return (400, request, nil, "A video can be deleted only when it is finished.")
        case .modelNotFound: return (404, request, "model_not_found", nil)
        case .upstreamModelClosed:
            return (404, request, "model_not_found", "The model does not exist or you have no access to it.")
        case .missingParameter: return (400, request, "missing_required_parameter", nil)
        case .invalidValue: return (400, request, "invalid_value", nil)
        case .unsupportedMediaType: return (400, request, "unsupported_content_type", nil)
        case .malformedRequest: return (400, request, error.field == nil ? nil : "unknown_parameter", nil)
        default: return (error.code.facts.status, request, nil, nil)
        }
    }

    func sealed(_ response: Response, took: Duration) -> Response {
        response
            .adding("x-request-id", "req_\(Self.randomHex())")
            .adding("openai-processing-ms", String(took.microseconds / 1000))
            .adding("openai-organization", "org-sandbox")
            .adding("openai-version", "2020-10-01")
            .adding("x-ratelimit-limit-requests", "500")
            .adding("x-ratelimit-remaining-requests", "499")
            .adding("x-ratelimit-reset-requests", "120ms")
    }

    private static func randomHex() -> String {
        Hex.text((0..<16).map { _ in UInt8.random(in: .min ... .max) })
    }
}
