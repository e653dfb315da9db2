internal import Core

/// One of Jimeng's services, which a `req_key` names, and what it takes.
struct JimengService {
    private enum Kind { case film, picture, largePicture }

    private let kind: Kind
    /// How many pictures must come with it.
    private let images: ClosedRange<Int>
    private let height: Int

    static let all: [String: JimengService] = [
        "jimeng_t2v_v30": .init(kind: .film, images: 0...0, height: 720),
        "jimeng_t2v_v30_1080p": .init(kind: .film, images: 0...0, height: 1080),
        "jimeng_i2v_first_v30": .init(kind: .film, images: 1...1, height: 720),
        "jimeng_i2v_first_v30_1080": .init(kind: .film, images: 1...1, height: 1080),
        "jimeng_i2v_first_tail_v30": .init(kind: .film, images: 2...2, height: 720),
        "jimeng_i2v_first_tail_v30_1080": .init(kind: .film, images: 2...2, height: 1080),
        "jimeng_ti2v_v30_pro": .init(kind: .film, images: 0...1, height: 1080),
        "jimeng_t2i_v30": .init(kind: .picture, images: 0...0, height: 1328),
        "jimeng_t2i_v31": .init(kind: .picture, images: 0...0, height: 1328),
        "jimeng_i2i_v30": .init(kind: .picture, images: 1...1, height: 1328),
        "jimeng_t2i_v40": .init(kind: .largePicture, images: 0...10, height: 2048),
        "jimeng_t2i_v46": .init(kind: .largePicture, images: 0...10, height: 2048),
    ]

    private static let ratios = ["16:9", "4:3", "1:1", "3:4", "9:16", "21:9"]

    func draft(_ fields: VendorFields, _ key: String) throws(KinoraError) -> Draft {
        let images = try images(fields)
        guard self.images.contains(images.count) else {
            throw fields.bad("image_urls", "has the wrong count")
        }
        let prompt =
            self.images.lowerBound == 0 ? try fields.required("prompt") : try fields.text("prompt") ?? ""
        guard prompt.count <= 800 else { throw fields.bad("prompt", "is too long") }
        let reference = images.compactMap(\.self).first
        guard kind != .film else { return try film(fields, key, prompt, reference) }
        try fields.check(
            known: kind == .picture
                ? [
                    "req_key", "prompt", "image_urls", "binary_data_base64", "seed", "width", "height",
                    "use_pre_llm",
                ]
                : [
                    "req_key", "prompt", "image_urls", "scale", "size", "width", "height", "force_single",
                    "seed",
                ])
        _ = try fields.integer("seed", -1...Int64.max)
        let size = try size(fields)
        var draft = Draft(model: key, prompt: prompt, seconds: 0, size: size)
        draft.pictures = PictureDraft(
            model: key, prompt: prompt, count: 1, size: size, format: "jpeg", reference: reference, origin: ""
        )
        return draft
    }

    private func film(
        _ fields: VendorFields, _ key: String, _ prompt: String, _ reference: ReferenceImage?
    ) throws(KinoraError) -> Draft {
        let media = images.upperBound == 0 ? ["aspect_ratio"] : ["image_urls", "binary_data_base64"]
        try fields.check(known: ["req_key", "prompt", "seed", "frames"] + media)
        _ = try fields.integer("seed", -1...Int64.max)
        let frames = try fields.integer("frames", 121...121, 241...241) ?? 121
        let ratio = try fields.choice("aspect_ratio", Self.ratios) ?? "16:9"
        return Draft(
            model: key, prompt: prompt, seconds: frames / 24, size: FrameSize(shorter: height, ratio),
            reference: reference)
    }

    /// Addresses, which are nil here, or base64; never both.
    private func images(_ fields: VendorFields) throws(KinoraError) -> [ReferenceImage?] {
        guard !fields.has("image_urls") || !fields.has("binary_data_base64") else {
            throw fields.bad("image_urls", "exclude binary_data_base64")
        }
        if kind == .largePicture, fields.has("binary_data_base64") {
            throw fields.bad("binary_data_base64", "is not taken here")
        }
        var images: [ReferenceImage?] = []
        for item in try fields.list("image_urls") ?? [] {
            guard item.stringValue?.hasPrefix("https://") ?? false else {
                throw fields.bad("image_urls", "must be addresses")
            }
            images.append(nil)
        }
        for item in try fields.list("binary_data_base64") ?? [] {
            guard let bytes = item.stringValue.flatMap({ Base64.bytes($0) }), bytes.count <= 4_928_307,
                let type = MediaType(sniffing: bytes), [.png, .jpeg].contains(type)
            else { throw fields.bad("binary_data_base64", "must be pictures in base64") }
            if let size = FrameSize(ofImage: bytes) {
                let (short, long) = (min(size.width, size.height), max(size.width, size.height))
                guard short >= 320, long <= 4096, long <= 3 * short else {
                    throw fields.bad("binary_data_base64", "has a wrong size")
                }
            }
            images.append(ReferenceImage(bytes: bytes, type: type))
        }
        return images
    }

    /// Both sides or neither.
    private func size(_ fields: VendorFields) throws(KinoraError) -> FrameSize {
        let bounds: ClosedRange<Int64> = kind == .picture ? 512...2048 : 256...16_384
        let width = try fields.integer("width", bounds), height = try fields.integer("height", bounds)
        guard let width, let height else {
            guard width == nil, height == nil else { throw fields.bad("width", "needs a height") }
            return FrameSize(self.height, self.height)
        }
        let isFitting =
            kind == .picture
            || (1024 * 1024...4096 * 4096).contains(width * height)
                && max(width, height) <= 3 * min(width, height)
        guard isFitting else { throw fields.bad("width", "and height make no picture of this service") }
        return FrameSize(width, height)
    }
}
