internal import Core

/// Seedream: answers with links that are good for a day, or with the pictures themselves.
extension ArkSandbox {
    private static let fields = [
        "model", "prompt", "image", "size", "seed", "sequential_image_generation",
        "sequential_image_generation_options", "response_format", "watermark", "output_format",
        "optimize_prompt_options", "stream",
    ]

    func picture(_ request: VendorRequest) throws(KinoraError) -> PictureDraft {
        let fields = try VendorFields(request)
        try fields.check(known: Self.fields)
        let model = try fields.required("model")
        let generation = try generation(of: model, "seedream-")
        let prompt = try fields.required("prompt")
        if try fields.boolean("stream") == true { throw fields.bad("stream", "is not played by the sandbox") }
        try fields.boolean("watermark")
        let images = try images(fields)
        var count = 1
        if try fields.choice("sequential_image_generation", ["auto", "disabled"]) == "auto" {
            count =
                try fields.fields("sequential_image_generation_options")?.integer("max_images", 1...15) ?? 15
            guard images.count + count <= 15 else {
                throw fields.bad("sequential_image_generation_options", "asks for too many")
            }
        }
        if !generation.hasPrefix("seedream-5"), fields.has("output_format") {
            throw fields.bad("output_format", "is not for this model")
        }
        let reply = try fields.choice("response_format", ["url", "b64_json"]) ?? "url"
        return PictureDraft(
            model: model, prompt: prompt, count: count, size: try size(fields),
            format: try fields.choice("output_format", ["png", "jpeg"]) ?? "jpeg",
            reference: images.compactMap(\.self).first,
            origin: reply == "url" ? StoreLink.origin(of: request.head) : nil)
    }

    private func images(_ fields: VendorFields) throws(KinoraError) -> [ReferenceImage?] {
        guard let value = fields["image"] else { return [] }
        let texts = value.arrayValue ?? [value]
        guard (1...14).contains(texts.count) else { throw fields.bad("image", "has too many") }
        var images: [ReferenceImage?] = []
        for text in texts {
            guard let text = text.stringValue else { throw fields.bad("image", "must be strings") }
            images.append(try fields.picture(text, of: "image", bytesMax: 30 << 20))
        }
        return images
    }

    private func size(_ fields: VendorFields) throws(KinoraError) -> FrameSize {
        let text = try fields.text("size") ?? "2048x2048"
        let levels = ["1K": 1024, "2K": 2048, "4K": 4096]
        if let side = levels[text] { return FrameSize(side, side) }
        guard let size = FrameSize(text), (921_600...16_777_216).contains(size.width * size.height) else {
            throw fields.bad("size", "is no size")
        }
        return size
    }

    func answer(_ pictures: Pictures) -> Response {
        let data = pictures.files.map { file -> JSON in
            var item: JSONObject = ["size": JSON(pictures.draft.size.description)]
            if let origin = pictures.draft.origin {
                item["url"] = JSON(StoreLink.text(to: file, of: name, at: origin, from: pictures.createdAt))
            } else {
                item["b64_json"] = .string(Core.Base64.encode(pictures.bytes(file) ?? []))
            }
            return .object(item)
        }
        return .json([
            "model": JSON(pictures.draft.model), "created": .integer(pictures.createdAt.seconds),
            "data": .array(data),
            "usage": [
                "generated_images": JSON(data.count), "output_tokens": JSON(16_384 * data.count),
                "total_tokens": JSON(16_384 * data.count),
            ],
        ])
    }
}
