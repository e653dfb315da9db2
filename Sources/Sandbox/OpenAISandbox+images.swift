internal import Core

/// The images API: answers with the pictures themselves, or with links that are good for an hour and want no
/// key. A GPT image model never gives links. Edits draw over the first image that was sent; masks and streams
/// do not exist here.
extension OpenAISandbox {
    private static let generation = [
        "model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression",
        "moderation", "stream", "partial_images", "response_format", "style", "user",
    ]
    private static let editing = generation + ["image", "image[]", "mask", "input_fidelity"]
    private static let squares = ["1024x1024"]

    static func isFileLink(_ target: String) -> Bool { target.hasPrefix("/openai/files/") }

    func picture(_ request: VendorRequest, isEdit: Bool) throws(KinoraError) -> Order {
        var fields: JSONObject
        var references: [ReferenceImage] = []
        if isEdit {
            guard case .form(let form) = request.body, isMultipart(request) else {
                throw KinoraError(
                    .unsupportedMediaType,
                    "Unsupported content type: this method accepts 'multipart/form-data'.")
            }
            fields = try texts(of: form)
            references = try images(of: form)
        } else {
            fields = try jsonFields(request, known: Self.generation)
        }
        let model = try text(fields, "model") ?? "dall-e-2"
        let isGPT =
            model.wholeMatch(of: /gpt-image-(1|1-mini|1\.5|2)(-\d{4}-\d{2}-\d{2})?|chatgpt-image-latest/)
            != nil
        guard isGPT || ["dall-e-2", "dall-e-3"].contains(model) else {
            throw KinoraError(.modelNotFound, "The model '\(model)' does not exist.", field: "model")
        }
        guard !isEdit || model != "dall-e-3" else {
            throw invalid("model", model, ["gpt-image-2", "dall-e-2"])
        }
        try checkFields(fields, model, isGPT)
        let prompt = try prompt(fields)
        let count = try number(fields, "n", isEdit, 1...(model == "dall-e-3" ? 1 : 10)) ?? 1
        let size = try size(fields, model)
        let format = isGPT ? try choice(fields, "output_format", ["png", "jpeg", "webp"]) ?? "png" : "png"
        let reply = isGPT ? "b64_json" : try choice(fields, "response_format", ["url", "b64_json"]) ?? "url"
        return .draw(
            PictureDraft(
                model: model, prompt: prompt, count: count, size: size, format: format,
                reference: references.first, origin: reply == "url" ? Self.origin(request.head) : nil))
    }

    private static func origin(_ head: RequestHead) -> String {
        "https://\(head.headers["host"] ?? "localhost")"
    }

    private func texts(of form: Form) throws(KinoraError) -> JSONObject {
        var object = JSONObject()
        for (name, value) in form.fields {
            try check(name: name, known: Self.editing)
            guard object[name] == nil else {
                throw KinoraError(.invalidValue, "Duplicate parameter: '\(name)'.", field: name)
            }
            object[name] = .string(value)
        }
        return object
    }

    private func images(of form: Form) throws(KinoraError) -> [ReferenceImage] {
        var images: [ReferenceImage] = []
        for file in form.files {
            guard ["image", "image[]"].contains(file.field) else {
                throw KinoraError(.malformedRequest, "Unknown parameter: '\(file.field)'.", field: file.field)
            }
            guard let bytes = FileStore.bytes(of: file.path, max: 50 << 20), let type = file.mediaType,
                ReferenceImage.types.contains(type), FrameSize(ofImage: bytes) != nil
            else {
                throw KinoraError(.invalidValue, "Invalid image file or mode for image.", field: "image")
            }
            images.append(ReferenceImage(bytes: bytes, type: type))
        }
        let isOne = form.files.first?.field == "image"
        guard !images.isEmpty else {
            throw KinoraError(.missingParameter, "Missing required parameter: 'image'.", field: "image")
        }
        guard images.count <= (isOne ? 1 : 16) else {
            throw KinoraError(.invalidValue, "Invalid 'image': too many images.", field: "image")
        }
        return images
    }

    private func checkFields(_ fields: JSONObject, _ model: String, _ isGPT: Bool) throws(KinoraError) {
        let foreign =
            isGPT
            ? ["response_format", "style"]
            : ["background", "output_format", "output_compression", "moderation", "partial_images"]
                + (model == "dall-e-3" ? [] : ["style"])
        for name in foreign where fields[name] != nil {
            throw KinoraError(.malformedRequest, "Unknown parameter: '\(name)'.", field: name)
        }
        _ = try choice(
            fields, "quality",
            isGPT
                ? ["auto", "low", "medium", "high"]
                : ["auto", "standard"] + (model == "dall-e-3" ? ["hd"] : []))
        _ = try choice(fields, "style", ["vivid", "natural"])
        _ = try choice(fields, "background", ["auto", "transparent", "opaque"])
        _ = try choice(fields, "moderation", ["auto", "low"])
        _ = try choice(fields, "input_fidelity", ["high", "low"])
        let prompt = fields["prompt"]?.stringValue ?? ""
        let longest = isGPT ? 32_000 : model == "dall-e-3" ? 4000 : 1000
        guard prompt.unicodeScalars.count <= longest else {
            throw KinoraError(.invalidValue, "Invalid 'prompt': it is too long.", field: "prompt")
        }
    }

    /// JSON has numbers, forms have texts.
    private func number(
        _ fields: JSONObject, _ name: String, _ isText: Bool, _ range: ClosedRange<Int>
    ) throws(KinoraError) -> Int? {
        guard let value = fields[name], !value.isNull else { return nil }
        let number =
            isText ? value.stringValue.flatMap(Int.init) : value.integerValue.map { Int(clamping: $0) }
        guard let number, range.contains(number) else {
            throw KinoraError(
                .invalidValue,
                "Invalid '\(name)': expected an integer from \(range.lowerBound) to \(range.upperBound).",
                field: name)
        }
        return number
    }

    private func size(_ fields: JSONObject, _ model: String) throws(KinoraError) -> FrameSize {
        let listed =
            switch model {
            case "dall-e-2": ["256x256", "512x512", "1024x1024"]
            case "dall-e-3": ["1024x1024", "1792x1024", "1024x1792"]
            default: ["auto", "1024x1024", "1536x1024", "1024x1536"]
            }
        guard let word = try text(fields, "size") else { return FrameSize(1024, 1024) }
        if word == "auto", listed.contains(word) { return FrameSize(1024, 1024) }
        guard let size = FrameSize(word) else { throw invalid("size", word, listed) }
        let isFree =
            model.hasPrefix("gpt-image-2") && size.width % 16 == 0 && size.height % 16 == 0
            && max(size.width, size.height) <= 3840 && min(size.width, size.height) > 0
            && max(size.width, size.height) <= 3 * min(size.width, size.height)
        guard listed.contains(word) || isFree else { throw invalid("size", word, listed) }
        return size
    }

    func answer(_ pictures: Pictures) -> Response {
        let data = pictures.files.map { file -> JSON in
            var item = JSONObject()
            if let origin = pictures.draft.origin {
                item["url"] = .string("\(origin)/openai/files/\(file)")
            } else {
                item["b64_json"] = .string(Core.Base64.encode(pictures.bytes(file) ?? []))
            }
            if pictures.draft.model == "dall-e-3" {
                item["revised_prompt"] = .string("In detail: \(pictures.draft.prompt)")
            }
            return .object(item)
        }
        var body: JSONObject = ["created": .integer(pictures.createdAt.seconds), "data": .array(data)]
        if !pictures.draft.model.hasPrefix("dall-e") {
            body["size"] = JSON(pictures.draft.size.description)
            body["output_format"] = JSON(pictures.draft.format)
            body["usage"] = [
                "input_tokens": 10, "output_tokens": 100, "total_tokens": 110,
                "input_tokens_details": ["text_tokens": 10, "image_tokens": 0],
            ]
        }
        return .json(.object(body))
    }
}
