internal import Core

/// A submit to DashScope: a model, and what its generation wants in `input` and in `parameters`.
struct DashScopeRequest {
    let model: String
    let input: VendorFields
    let parameters: VendorFields

    private enum Task: String { case t2v, i2v, r2v, kf2v, edit = "video-edit" }

    private static let everywhere = ["watermark", "seed", "prompt_extend", "duration"]
    /// The last two are in no document: the vendor's SDK sends them with every film.
    private static let inputs = ["prompt", "negative_prompt", "extend_prompt", "function"]

    private func unknownModel() -> KinoraError {
        KinoraError(.modelNotFound, "Model \(model) does not exist.", field: "model")
    }

    // MARK: films

    func film(isBetweenFrames: Bool) throws(KinoraError) -> Draft {
        if let match = model.wholeMatch(of: /wan2\.[1-6]-(t2v|i2v|r2v|kf2v)(?:-[a-z]+)?/),
            let task = Task(rawValue: String(match.1))
        {
            guard isBetweenFrames == (task == .kf2v) else {
                throw KinoraError(.invalidValue, "url error, please check url!", field: "url")
            }
            return try olderFilm(task)
        }
        let match = model.wholeMatch(of: /(happyhorse-1\.[01]|wan2\.7)-(t2v|i2v|r2v|video-edit)/)
        guard let match, let task = Task(rawValue: String(match.2)), !isBetweenFrames else {
            throw unknownModel()
        }
        return try newerFilm(task, isHorse: match.1.hasPrefix("happyhorse"))
    }

    private func olderFilm(_ task: Task) throws(KinoraError) -> Draft {
        let addresses: [Task: [String]] = [
            .i2v: ["img_url", "audio_url", "template"],
            .kf2v: ["first_frame_url", "last_frame_url", "template"],
            .r2v: ["reference_urls", "reference_video_urls"], .t2v: ["audio_url"],
        ]
        try input.check(known: Self.inputs + (addresses[task] ?? []))
        let isSized = task == .t2v || task == .r2v
        try parameters.check(
            known: Self.everywhere + ["shot_type", "audio", isSized ? "size" : "resolution"])
        var picture: ReferenceImage?
        switch task {
        case .i2v:
            picture = try input.picture(try input.required("img_url"), of: "img_url", bytesMax: 20 << 20)
        case .kf2v:
            let first = try input.required("first_frame_url")
            picture = try input.picture(first, of: "first_frame_url", bytesMax: 20 << 20)
            if let last = try input.text("last_frame_url") {
                _ = try input.picture(last, of: "last_frame_url", bytesMax: 20 << 20)
            }
        case .r2v:
            let films = try input.list("reference_video_urls") ?? []
            let urls = try input.list("reference_urls") ?? films
            guard (1...5).contains(urls.count) else { throw input.bad("reference_urls", "must be 1 to 5") }
            for url in urls {
                guard let url = url.stringValue else { throw input.bad("reference_urls", "must be strings") }
                picture = try input.picture(url, of: "reference_urls", bytesMax: 20 << 20) ?? picture
            }
        case .t2v, .edit: _ = try input.required("prompt")
        }
        let lengths: ClosedRange<Int64> = model.hasSuffix("r2v-flash") ? 2...10 : 5...15
        let seconds = try parameters.integer("duration", lengths) ?? 5
        guard model.hasSuffix("r2v-flash") || seconds % 5 == 0 else {
            throw parameters.bad("duration", "must be 5, 10 or 15")
        }
        let size =
            isSized
            ? try size("1280*720")
            : Self.size(try parameters.choice("resolution", ["480P", "720P", "1080P"]) ?? "720P", "16:9")
        return try draft(seconds, size, picture)
    }

    private func newerFilm(_ task: Task, isHorse: Bool) throws(KinoraError) -> Draft {
        try input.check(known: Self.inputs + ["media"])
        let hasRatio = task == .t2v || task == .r2v
        try parameters.check(
            known: Self.everywhere + ["resolution", "audio_setting"] + (hasRatio ? ["ratio"] : []))
        let types: [String] =
            switch task {
            case .i2v where isHorse: ["first_frame"]
            case .i2v: ["first_frame", "last_frame", "driving_audio", "first_clip"]
            case .r2v where isHorse: ["reference_image"]
            case .r2v: ["reference_image", "reference_video"]
            case .edit: ["video", "reference_image"]
            case .t2v, .kf2v: []
            }
        var counts: [String: Int] = [:]
        var picture: ReferenceImage?
        for (index, item) in (try input.list("media") ?? []).enumerated() {
            let item = try VendorFields(item, at: "input.media[\(index)]")
            try item.check(known: ["type", "url", "reference_voice"])
            guard let type = try item.choice("type", types) else { throw item.bad("type", "is missing") }
            let url = try item.required("url")
            if ["first_frame", "last_frame", "reference_image"].contains(type) {
                picture = try item.picture(url, of: "url", bytesMax: (isHorse ? 10 : 20) << 20) ?? picture
            } else if !url.hasPrefix("https://"), type != "driving_audio" {
                throw item.bad("url", "must be an https address")
            }
            counts[type, default: 0] += 1
        }
        let most = ["reference_image": 9, "reference_video": 5]
        guard counts.allSatisfy({ $0.value <= most[$0.key] ?? 1 }), task == .t2v || !counts.isEmpty else {
            throw input.bad("media", "does not fit the model")
        }
        if task != .i2v { _ = try input.required("prompt") }
        let seconds = try parameters.integer("duration", isHorse ? 3...15 : 2...15) ?? 5
        let level = try parameters.choice("resolution", ["720P", "1080P"]) ?? "1080P"
        let ratio = try parameters.choice("ratio", ["16:9", "9:16", "1:1", "4:3", "3:4"]) ?? "16:9"
        return try draft(seconds, Self.size(level, ratio), picture)
    }

    private func draft(
        _ seconds: Int, _ size: FrameSize, _ picture: ReferenceImage?
    ) throws(KinoraError) -> Draft {
        try checkParameters()
        return Draft(
            model: model, prompt: try input.text("prompt") ?? "", seconds: seconds, size: size,
            reference: picture)
    }

    private func checkParameters() throws(KinoraError) {
        _ = try parameters.integer("seed", 0...2_147_483_647)
        try parameters.boolean("watermark")
        try parameters.boolean("prompt_extend")
        if let words = try input.text("negative_prompt"), words.count > 500 {
            throw input.bad("negative_prompt", "is too long")
        }
    }

    /// `1280*720`: with an asterisk, not with an x.
    private func size(_ usual: String) throws(KinoraError) -> FrameSize {
        let text = try parameters.text("size") ?? usual
        guard !text.contains("x"), let size = FrameSize(text.replacing("*", with: "x")),
            (256...4096).contains(size.width), (256...4096).contains(size.height)
        else { throw parameters.bad("size", "must be width*height") }
        return size
    }

    private static func size(_ level: String, _ ratio: String) -> FrameSize {
        let side = ["480P": 480, "720P": 720, "1080P": 1080][level] ?? 720
        return switch ratio {
        case "9:16": FrameSize(side, side * 16 / 9 / 2 * 2)
        case "1:1": FrameSize(side, side)
        case "4:3": FrameSize(side * 4 / 3, side)
        case "3:4": FrameSize(side, side * 4 / 3)
        default: FrameSize(side * 16 / 9 / 2 * 2, side)
        }
    }

    // MARK: pictures

    func pictures() throws(KinoraError) -> Draft {
        guard model.wholeMatch(of: /wan(2\.[2-5]-t2i(-[a-z]+)?|x2\.[01]-t2i-[a-z]+)/) != nil else {
            throw unknownModel()
        }
        try input.check(known: ["prompt", "negative_prompt"])
        return try pictures(of: try input.required("prompt"), nil, usualSize: "1024*1024")
    }

    func picturesOfMessages() throws(KinoraError) -> Draft {
        guard model.wholeMatch(of: /wan2\.[67]-(t2i|image)(-[a-z]+)?|qwen-image(-[a-z]+)?/) != nil else {
            throw unknownModel()
        }
        try input.check(known: ["messages"])
        guard let message = try input.list("messages")?.first else {
            throw input.bad("messages", "is missing")
        }
        let fields = try VendorFields(message, at: "input.messages[0]")
        var prompt = ""
        var picture: ReferenceImage?
        for item in try fields.list("content") ?? [] {
            let item = try VendorFields(item, at: "input.messages[0].content")
            prompt += try item.text("text") ?? ""
            if let image = try item.text("image") {
                picture = try item.picture(image, of: "image", bytesMax: 20 << 20) ?? picture
            }
        }
        guard !prompt.isEmpty, fields["role"] == "user" else {
            throw input.bad("messages", "asks for nothing")
        }
        var draft = try pictures(of: prompt, picture, usualSize: "1280*1280")
        draft.facts["messages"] = true
        return draft
    }

    private func pictures(
        of prompt: String, _ picture: ReferenceImage?, usualSize: String
    ) throws(KinoraError) -> Draft {
        try parameters.check(
            known: [
                "size", "n", "seed", "watermark", "prompt_extend", "negative_prompt", "thinking_mode",
                "is_async",
            ])
        try checkParameters()
        let size = try size(usualSize)
        let count = try parameters.integer("n", 1...4) ?? 1
        var draft = Draft(model: model, prompt: prompt, seconds: 1, size: size)
        draft.pictures = PictureDraft(
            model: model, prompt: prompt, count: count, size: size, format: "png", reference: picture)
        return draft
    }
}
