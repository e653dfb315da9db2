internal import Core

/// Runway, below `/runway/v1`: videos of texts and of pictures, and pictures, all of them tasks. Keys that
/// begin with `key_sandbox` are good, and every request names the version. Uploads, voices and films as input
/// do not exist here, and a picture is a text, not a list of them.
struct RunwaySandbox: SandboxVendor {
    let name = "runway"

    private static let creditsPerTask = 25

    func newTaskID() -> String { VendorID.uuid() }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("key_sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        guard request.head.headers["x-runway-version"] == "2024-11-06" else {
            throw KinoraError(.invalidValue, "The header X-Runway-Version is missing or unknown.")
        }
        let method = request.head.method == .head ? .get : request.head.method
        let path = request.segments
        guard path.first == "v1" else { throw KinoraError(.routeNotFound) }
        switch (method, Array(path.dropFirst())) {
        case (.post, ["text_to_video"]): return .submit(try film(request, isOfText: true))
        case (.post, ["image_to_video"]): return .submit(try film(request, isOfText: false))
        case (.post, ["text_to_image"]): return .submit(try picture(request))
        case (.get, let rest) where rest.count == 2 && rest[0] == "tasks": return .poll(rest[1])
        case (.delete, let rest) where rest.count == 2 && rest[0] == "tasks":
            return .abort(rest[1], forgets: true)
        case (.get, ["organization"]): return .credit(.subscription)
        default: throw KinoraError(.routeNotFound)
        }
    }

    private static let wide = ["1280:720", "720:1280"]
    private static let all = wide + ["1104:832", "960:960", "832:1104", "1584:672"]

    private func prompt(_ fields: VendorFields, isRequired: Bool) throws(KinoraError) -> String {
        let prompt = isRequired ? try fields.required("promptText") : try fields.text("promptText") ?? ""
        guard prompt.utf16.count <= 1000 else { throw fields.bad("promptText", "is too long") }
        return prompt
    }

    private func size(_ fields: VendorFields, _ ratios: [String]) throws(KinoraError) -> FrameSize {
        guard let ratio = try fields.choice("ratio", ratios),
            let size = FrameSize(ratio.replacing(":", with: "x"))
        else { throw KinoraError(.missingParameter, "ratio is missing", field: "ratio") }
        return size
    }

    private func film(_ request: VendorRequest, isOfText: Bool) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(
            known: ["model", "promptText", "ratio", "duration", "seed", "contentModeration"]
                + (isOfText ? [] : ["promptImage"]))
        let model = try fields.required("model")
        guard model == "gen4.5" || !isOfText && model == "gen4_turbo" else {
            throw fields.bad("model", "is unknown here")
        }
        let isNewer = model == "gen4.5"
        let reference = isOfText ? nil : try image(try fields.required("promptImage"), "promptImage", fields)
        let seconds = try fields.integer("duration", 2...10)
        guard seconds != nil || !isNewer else { throw fields.bad("duration", "is missing") }
        _ = try fields.integer("seed", 0...4_294_967_295)
        return Draft(
            model: model, prompt: try prompt(fields, isRequired: isNewer), seconds: seconds ?? 10,
            size: try size(fields, isOfText ? Self.wide : Self.all), reference: reference,
            origin: StoreLink.origin(of: request.head))
    }

    private func picture(_ request: VendorRequest) throws(KinoraError) -> Draft {
        let fields = try VendorFields(request)
        try fields.check(
            known: ["model", "promptText", "ratio", "seed", "referenceImages", "contentModeration"])
        let model = try fields.required("model")
        guard ["gen4_image", "gen4_image_turbo"].contains(model) else {
            throw fields.bad("model", "is unknown here")
        }
        var images: [ReferenceImage?] = []
        for item in try fields.list("referenceImages") ?? [] {
            let item = try VendorFields(item, at: "referenceImages")
            try item.check(known: ["uri", "tag"])
            images.append(try image(try item.required("uri"), "uri", item))
        }
        guard images.count <= 3, model == "gen4_image" || !images.isEmpty else {
            throw fields.bad("referenceImages", "has the wrong count")
        }
        let ratios = [
            "1024:1024", "1080:1080", "1168:880", "1360:768", "1440:1080", "1080:1440", "1808:768",
            "1920:1080", "1080:1920", "2112:912", "1280:720", "720:1280", "720:720", "960:720", "720:960",
            "1680:720",
        ]
        let size = try size(fields, ratios)
        var draft = Draft(
            model: model, prompt: try prompt(fields, isRequired: true), seconds: 0, size: size,
            origin: StoreLink.origin(of: request.head))
        draft.pictures = PictureDraft(
            model: model, prompt: draft.prompt, count: 1, size: size, format: "png",
            reference: images.compactMap(\.self).first, origin: draft.origin)
        return draft
    }

    /// An https address of a name, or a data URL of 5 MB at most as it is written.
    private func image(
        _ text: String, _ name: String, _ fields: VendorFields
    ) throws(KinoraError) -> ReferenceImage? {
        if text.hasPrefix("https://") {
            guard text.utf8.count <= 2048 else { throw fields.bad(name, "is too long") }
            return nil
        }
        guard text.hasPrefix("data:"), text.utf8.count <= 5_000_000 else {
            throw fields.bad(name, "is neither an https address nor a small data URL")
        }
        return try fields.picture(text, of: name, bytesMax: 5_000_000)
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return .json(view.isNew ? ["id": JSON(view.id)] : object(view))
        case .deleted, .cancelled: return Response(status: 204)
        case .credit(_, let limit, let used):
            let left = limit.map { max(0, Int((($0 - used) / SandboxSettings.dollarsPerTask).rounded())) }
            return .json([
                "creditBalance": JSON((left ?? 20_000) * Self.creditsPerTask),
                "tier": [
                    "maxMonthlyCreditSpend": 10_000,
                    "models": ["gen4.5": ["maxConcurrentGenerations": 2, "maxDailyGenerations": 200]],
                ], "usage": ["models": ["gen4.5": ["dailyGenerations": 0]]],
            ])
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    private func object(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "PONDERING"
            case .queued: "PENDING"
            case .inProgress: "RUNNING"
            case .completed: "SUCCEEDED"
            case .failed: "FAILED"
            case .cancelled: "CANCELLED"
            }
        var object: JSONObject = [
            "id": JSON(view.id), "status": JSON(word), "createdAt": JSON(view.createdAt.iso8601),
        ]
        object[view.isFinal ? "cost" : "estimatedCost"] = ["credits": JSON(Self.creditsPerTask)]
        switch view.status {
        case .inProgress: object["progress"] = .decimal("\(Double(view.progress) / 100)")
        case .failed:
            object["failure"] = JSON(view.failure?.message ?? "")
            object["failureCode"] = "INTERNAL.BAD_OUTPUT.CODE01"
        case .completed:
            let link = StoreLink.text(
                to: view.film ?? "", of: name, at: view.draft.origin,
                from: view.completedAt ?? view.createdAt)
            object["output"] = [JSON(link)]
        case .queued, .cancelled: break
        }
        return .object(object)
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, message): (Int, String) =
            switch error.code {
            case .missingKey, .invalidKey: (401, "The API key is missing or not valid.")
            case .upstreamRate, .upstreamConcurrency: (429, "You have reached your daily task limit.")
            case .upstreamMoney: (400, "You do not have enough credits to run this task.")
            case .contentRefused: (400, "Your prompt did not pass content moderation.")
            case .shuttingDown: (503, "The service is overloaded.")
            case .upstreamServer, .internalFault, .storageFailed: (500, "An internal error occurred.")
            case .taskNotFound, .routeNotFound: (404, "There is no such thing.")
            case .contentNotFound: (403, "Request has expired")
            default: (400, "Validation of body failed: \(error.message)")
            }
        let response = Response.json(["error": JSON(message)], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
