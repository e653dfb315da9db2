internal import Core

/// The older routes that take several pictures, in `image_list`. Sources: digests of Kling's documents of
/// them (WHQ25/rawgenai, docs/research/kling: multi-image-to-video, omni-video-o1, omni-image-o1), and
/// ComfyUI's client (comfy_api_nodes) for what `kling-v3-omni` has more.
extension KlingRequest {
    /// Its one model has ended at the vendor itself; services that pass its API on may have it still, and are
    /// played here.
    func filmOfSeveral() throws(KinoraError) -> Draft {
        try fields.check(
            known: Self.common + ["image_list", "negative_prompt", "mode", "duration", "aspect_ratio"])
        let model = try model(of: ["kling-v1-6"])
        let pictures = try list(of: "image", most: 4)
        guard !pictures.isEmpty else {
            throw KinoraError(.missingParameter, "image_list is missing", field: "image_list")
        }
        let seconds = try fields.choice("duration", ["5", "10"]) ?? "5"
        _ = try fields.text("negative_prompt")
        let side = try fields.choice("mode", ["std", "pro"]) == "pro" ? 1080 : 720
        let ratio = try fields.choice("aspect_ratio", Self.filmRatios) ?? "16:9"
        return try film(model, seconds, FrameSize(shorter: side, ratio), of: pictures.map(\.image))
    }

    /// A film of a text, of frames, or after pictures.
    func omniFilm() throws(KinoraError) -> Draft {
        try fields.check(
            known: Self.common + ["image_list", "mode", "duration", "aspect_ratio", "sound"])
        let model = try model(of: ["kling-video-o1", "kling-v3-omni"])
        let isO1 = model == "kling-video-o1"
        let pictures = try list(of: "image_url", most: 7)
        let types = pictures.compactMap(\.type)
        guard [[], ["first_frame"], ["first_frame", "end_frame"]].contains(types) else {
            throw fields.bad("image_list", "has the wrong frames")
        }
        guard types.count < 2 || pictures.count == 2 else {
            throw fields.bad("image_list", "has more than two pictures, and a last frame")
        }
        // Of texts and first frames the older one makes two lengths only.
        let isShort = isO1 && (pictures.isEmpty || types == ["first_frame"])
        let lengths = isShort ? ["5", "10"] : (3...(isO1 ? 10 : 15)).map(String.init)
        let seconds = try fields.choice("duration", lengths) ?? "5"
        let mode = try fields.choice("mode", isO1 ? ["std", "pro"] : ["std", "pro", "4k"]) ?? "pro"
        if try fields.choice("sound", ["on", "off"]) == "on", isO1 {
            throw fields.bad("sound", "is not supported")
        }
        let ratio = try fields.choice("aspect_ratio", Self.filmRatios)
        guard (ratio == nil) != types.isEmpty else {
            throw fields.bad("aspect_ratio", "is for films without frames, and needed there")
        }
        let side = mode == "std" ? 720 : 1080
        return try film(model, seconds, FrameSize(shorter: side, ratio ?? "16:9"), of: pictures.map(\.image))
    }

    func omniPictures() throws(KinoraError) -> Draft {
        try fields.check(known: Self.common + ["image_list", "n", "resolution", "aspect_ratio"])
        let model = try model(of: ["kling-image-o1", "kling-v3-omni"])
        let level = try fields.choice("resolution", ["1k", "2k"]) ?? "1k"
        let ratio = try fields.choice("aspect_ratio", Self.pictureRatios + ["auto"]) ?? "auto"
        let size = FrameSize(shorter: level == "2k" ? 1440 : 768, ratio == "auto" ? "1:1" : ratio)
        return try self.pictures(model, size, of: try list(of: "image", most: 10).map(\.image))
    }

    private static let filmRatios = ["16:9", "9:16", "1:1"]

    private func film(
        _ model: String, _ seconds: String, _ size: FrameSize, of pictures: [ReferenceImage?]
    ) throws(KinoraError) -> Draft {
        Draft(
            model: model, prompt: try prompt(isRequired: true, max: 2500), seconds: Int(seconds) ?? 5,
            size: size, reference: pictures.compactMap(\.self).first)
    }

    private func model(of known: [String]) throws(KinoraError) -> String {
        let model = try fields.text("model_name") ?? known[0]
        guard known.contains(model) else {
            throw KinoraError(.modelNotFound, "model_name \(model) is not permitted", field: "model_name")
        }
        return model
    }

    /// Pictures as everywhere here, and what frames they are.
    private func list(
        of name: String, most: Int
    ) throws(KinoraError) -> [(image: ReferenceImage?, type: String?)] {
        let items = try fields.list("image_list") ?? []
        guard items.count <= most else { throw fields.bad("image_list", "has too many pictures") }
        var pictures: [(image: ReferenceImage?, type: String?)] = []
        for item in items {
            let item = try VendorFields(item, at: "image_list")
            try item.check(known: name == "image_url" ? [name, "type"] : [name])
            guard let image = try Self.image(name, of: item).first else {
                throw item.bad(name, "is missing")
            }
            pictures.append((image, try item.choice("type", ["first_frame", "end_frame"])))
        }
        return pictures
    }
}
