internal import Core

/// A submit as Kling reads it.
struct KlingRequest {
    /// Where tasks of the newer routes are.
    static let newer = "tasks"
    static let sections = [
        "videos/text2video", "videos/image2video", "videos/multi-image2video", "videos/omni-video",
        "images/generations", "images/omni-image",
    ]

    let fields: VendorFields
    let origin: String

    init(_ request: VendorRequest) throws(KinoraError) {
        fields = try VendorFields(request)
        origin = StoreLink.origin(of: request.head)
    }

    // MARK: the older routes

    /// Seconds that a model makes. Models that have ended are no longer known.
    private static let seconds: [String: ClosedRange<Int64>] = [
        "kling-v2-5-turbo": 5...10, "kling-v2-6": 5...10, "kling-v3": 3...15,
    ]
    static let common = [
        "model_name", "prompt", "external_task_id", "callback_url", "watermark_info",
    ]

    func draft(section: ArraySlice<String>) throws(KinoraError) -> Draft {
        let section = section.joined(separator: "/")
        var draft =
            switch section {
            case "videos/text2video": try film(isOfText: true)
            case "videos/image2video": try film(isOfText: false)
            case "videos/multi-image2video": try filmOfSeveral()
            case "videos/omni-video": try omniFilm()
            case "images/generations": try pictures()
            case "images/omni-image": try omniPictures()
            default: throw KinoraError(.routeNotFound)
            }
        draft.section = section
        try settle(&draft, fields)
        return draft
    }

    /// What both generations have, in a place of their own.
    private func settle(_ draft: inout Draft, _ options: VendorFields) throws(KinoraError) {
        draft.origin = origin
        draft.alias = try options.text("external_task_id")
        if let alias = draft.alias, alias.isEmpty { draft.alias = nil }
        if let url = try options.text("callback_url"), !url.isEmpty, !url.hasPrefix("https://") {
            throw options.bad("callback_url", "is no https address")
        }
        if let mark = try options.fields("watermark_info") {
            try mark.check(known: ["enabled"])
            try mark.boolean("enabled")
        }
    }

    func prompt(isRequired: Bool, max countMax: Int) throws(KinoraError) -> String {
        let prompt = isRequired ? try fields.required("prompt") : try fields.text("prompt") ?? ""
        guard prompt.count <= countMax else { throw fields.bad("prompt", "is too long") }
        return prompt
    }

    private func film(isOfText: Bool) throws(KinoraError) -> Draft {
        try fields.check(
            known: Self.common + ["negative_prompt", "mode", "duration", "sound"]
                + (isOfText ? ["aspect_ratio"] : ["image", "image_tail"]))
        let model = try fields.text("model_name") ?? "kling-v2-6"
        guard let lengths = Self.seconds[model] else {
            throw KinoraError(.modelNotFound, "model_name \(model) is not permitted", field: "model_name")
        }
        // Numbers are texts there.
        guard let seconds = Int64(try fields.text("duration") ?? "5"), lengths.contains(seconds),
            lengths.lowerBound == 3 || seconds % 5 == 0
        else { throw fields.bad("duration", "is no duration of this model") }
        let mode = try fields.choice("mode", ["std", "pro"]) ?? "std"
        if fields.has("sound"), model == "kling-v2-5-turbo" { throw fields.bad("sound", "is not supported") }
        _ = try fields.choice("sound", ["on", "off"])
        _ = try fields.text("negative_prompt")
        let ratio = try fields.choice("aspect_ratio", ["16:9", "9:16", "1:1"]) ?? "16:9"
        let images = isOfText ? [] : try frames()
        return Draft(
            model: model, prompt: try prompt(isRequired: isOfText, max: 2500), seconds: Int(seconds),
            size: FrameSize(shorter: mode == "pro" ? 1080 : 720, ratio),
            reference: images.compactMap(\.self).first)
    }

    private func frames() throws(KinoraError) -> [ReferenceImage?] {
        let first = try Self.image("image", of: fields)
        guard !first.isEmpty else {
            throw KinoraError(.missingParameter, "image is missing", field: "image")
        }
        return first + (try Self.image("image_tail", of: fields))
    }

    /// An address, which is nil here, or base64 without anything before it. Empty when it is not given.
    static func image(_ name: String, of fields: VendorFields) throws(KinoraError) -> [ReferenceImage?] {
        guard let text = try fields.text(name), !text.isEmpty else { return [] }
        if text.hasPrefix("https://") || text.hasPrefix("http://") { return [nil] }
        guard let bytes = Base64.bytes(text) else { throw fields.bad(name, "is no base64") }
        guard bytes.count <= 10 << 20 else { throw fields.bad(name, "is too large") }
        guard let type = MediaType(sniffing: bytes), [.png, .jpeg].contains(type) else {
            throw fields.bad(name, "is no picture")
        }
        if let size = FrameSize(ofImage: bytes) {
            let ratio = Double(size.width) / Double(size.height)
            guard min(size.width, size.height) >= 300, (0.4...2.5).contains(ratio) else {
                throw fields.bad(name, "has a wrong size")
            }
        }
        return [ReferenceImage(bytes: bytes, type: type)]
    }

    static let pictureRatios = ["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]

    private func pictures() throws(KinoraError) -> Draft {
        try fields.check(
            known: Self.common + ["negative_prompt", "image", "n", "resolution", "aspect_ratio"])
        let model = try fields.text("model_name") ?? "kling-v3"
        guard model == "kling-v3" else {
            throw KinoraError(.modelNotFound, "model_name \(model) is not permitted", field: "model_name")
        }
        let ratio = try fields.choice("aspect_ratio", Self.pictureRatios) ?? "16:9"
        let level = try fields.choice("resolution", ["1k", "2k"]) ?? "1k"
        let references = try Self.image("image", of: fields)
        if !references.isEmpty, fields.has("negative_prompt") {
            throw fields.bad("negative_prompt", "is not for pictures of pictures")
        }
        return try pictures(model, FrameSize(shorter: level == "2k" ? 1440 : 768, ratio), of: references)
    }

    func pictures(
        _ model: String, _ size: FrameSize, of references: [ReferenceImage?]
    ) throws(KinoraError) -> Draft {
        let prompt = try prompt(isRequired: true, max: 2500)
        var draft = Draft(model: model, prompt: prompt, seconds: 0, size: size)
        draft.pictures = PictureDraft(
            model: model, prompt: prompt, count: try fields.integer("n", 1...9) ?? 1, size: size,
            format: "png", reference: references.compactMap(\.self).first, origin: origin)
        return draft
    }

    // MARK: the newer routes

    private static let newerModels = [
        "text-to-video": ["kling-3.0", "kling-3.0-turbo", "kling-2.6"],
        "image-to-video": ["kling-3.0", "kling-3.0-turbo", "kling-2.6"], "omni-video": ["kling-3.0-omni"],
    ]

    func newerDraft(_ route: String, model: String) throws(KinoraError) -> Draft {
        guard Self.newerModels[route]?.contains(model) ?? false else {
            throw KinoraError(.modelNotFound, "model \(model) is not permitted", field: "model")
        }
        try fields.check(
            known: ["settings", "options"] + (route == "text-to-video" ? ["prompt"] : ["contents"]))
        let settings = try fields.fields("settings") ?? VendorFields(empty: "settings")
        let options = try fields.fields("options") ?? VendorFields(empty: "options")
        try options.check(known: ["external_task_id", "callback_url", "watermark_info"])
        try settings.check(
            known: ["resolution", "duration", "audio"] + (route == "image-to-video" ? [] : ["aspect_ratio"]))
        let level = try settings.choice("resolution", ["720p", "1080p", "4k"]) ?? "720p"
        let ratio = try settings.choice("aspect_ratio", ["16:9", "9:16", "1:1"]) ?? "16:9"
        _ = try settings.choice("audio", ["off", "native"])
        let seconds = try settings.integer("duration", 3...15) ?? 5
        let prompt =
            route == "text-to-video" ? try prompt(isRequired: true, max: 3072) : try contents(of: route)
        let side = level == "720p" ? 720 : 1080
        var draft = Draft(
            model: model, prompt: prompt, seconds: seconds, size: FrameSize(shorter: side, ratio))
        draft.section = Self.newer
        try settle(&draft, options)
        return draft
    }

    /// The prompt among them. Everything else comes by address.
    private func contents(of route: String) throws(KinoraError) -> String {
        var prompt = ""
        var types: [String] = []
        for item in try fields.list("contents") ?? [] {
            let item = try VendorFields(item, at: "contents")
            let type = try item.required("type")
            if type == "prompt" {
                prompt = try item.required("text")
                continue
            }
            guard try item.required("url").hasPrefix("https://") else {
                throw item.bad("url", "is no address")
            }
            types.append(type)
        }
        let isGood =
            route == "omni-video"
            ? (1...7).contains(types.count) && types.allSatisfy { $0 == "refer_image" }
            : types == ["first_frame"] || types == ["first_frame", "last_frame"]
        guard isGood else { throw fields.bad("contents", "has the wrong media") }
        guard prompt.count <= 3072 else { throw fields.bad("contents", "has too long a prompt") }
        return prompt
    }
}
