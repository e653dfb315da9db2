import Core

/// What DashScope is asked for: where, and in which of its forms. The model's name tells.
struct DashScopeOrder {
    let path: String
    let body: HTTPCall.Body

    init(_ job: VendorJob) throws(KinoraError) {
        var files = InlineReferences(of: job, bodyBytesMax: DashScope.bodyBytesMax)
        let isPicture = [.t2i, .i2i].contains(job.category)
        var input: JSONObject
        var parameters: JSONObject
        if isPicture, Self.speaksMessages(job.model) {
            path = "image-generation/generation"
            input = ["messages": [try Self.message(job, &files)]]
            parameters = Self.pictureParameters(job)
            parameters["negative_prompt"] = job.parameters["negative_prompt"]
        } else {
            input = ["prompt": .string(job.prompt)]
            input["negative_prompt"] = job.parameters["negative_prompt"]
            if isPicture {
                path = "text2image/image-synthesis"
                parameters = Self.pictureParameters(job)
                guard job.references.isEmpty else { throw Self.unsupported("reference images") }
            } else if Self.takesMedia(job.model) {
                path = "video-generation/video-synthesis"
                parameters = Self.levelParameters(job, hasRatio: job.category != .i2v)
                input["media"] = try Self.media(job, &files)
            } else {
                let isBetweenFrames = job.model.contains("kf2v")
                path = isBetweenFrames ? "image2video/video-synthesis" : "video-generation/video-synthesis"
                for (name, value) in try Self.addresses(job, isBetweenFrames, &files).members {
                    input[name] = value
                }
                let isFromFrames = isBetweenFrames || job.model.contains("i2v")
                parameters =
                    isFromFrames ? Self.levelParameters(job, hasRatio: false) : Self.sizeParameters(job)
            }
        }
        parameters["seed"] = job.parameters["seed"]
        parameters["watermark"] = false
        body = files.body([
            "model": .string(job.model), "input": .object(input), "parameters": .object(parameters),
        ])
    }

    private static func unsupported(_ what: String) -> KinoraError {
        KinoraError(.unsupportedByVendor, "This model does not take \(what).", field: "references")
    }

    // MARK: generations of models

    /// Wan's version, as 2.6; nil for other models.
    private static func wan(_ model: String) -> Double? {
        model.prefixMatch(of: /wanx?(\d\.\d)/).flatMap { Double($0.1) }
    }

    /// Wan 2.7, HappyHorse and what came after them take a list of media.
    private static func takesMedia(_ model: String) -> Bool { wan(model).map { $0 >= 2.7 } ?? true }

    private static func speaksMessages(_ model: String) -> Bool { wan(model).map { $0 >= 2.6 } ?? true }

    // MARK: media

    private static func media(_ job: VendorJob, _ files: inout InlineReferences) throws(KinoraError) -> JSON?
    {
        var media: [JSON] = []
        for (index, reference) in job.references.enumerated() {
            let family = reference.type.family
            let type: String
            switch (job.category, family) {
            case (.i2v, .image) where index < 2: type = index == 0 ? "first_frame" : "last_frame"
            case (.i2v, .audio): type = "driving_audio"
            case (.i2v, .video): type = "first_clip"
            case (.ref2v, _): type = "reference_\(family.rawValue)"
            default: throw unsupported("so many references")
            }
            let url = family == .video ? try reference.address() : try files.dataURL(reference)
            media.append(["type": .string(type), "url": url])
        }
        return media.isEmpty ? nil : .array(media)
    }

    /// The older generations have a member for each purpose.
    private static func addresses(
        _ job: VendorJob, _ isBetweenFrames: Bool, _ files: inout InlineReferences
    ) throws(KinoraError) -> JSONObject {
        let pictures = job.references.filter { $0.type.family == .image }
        let films = job.references.filter { $0.type.family == .video }
        guard pictures.count + films.count == job.references.count else { throw unsupported("sounds") }
        guard !job.references.isEmpty else { return [:] }
        if job.model.contains("r2v") {
            // Films and pictures are told apart by their addresses only.
            var addresses: [JSON] = []
            for reference in job.references {
                addresses.append(
                    reference.type.family == .video ? try reference.address() : try files.dataURL(reference))
            }
            return ["reference_urls": .array(addresses)]
        }
        guard films.isEmpty, pictures.count <= (isBetweenFrames ? 2 : 1), !job.model.contains("t2v") else {
            throw unsupported("so many references")
        }
        let first = try files.dataURL(pictures[0])
        guard isBetweenFrames else { return ["img_url": first] }
        var frames: JSONObject = ["first_frame_url": first]
        if pictures.count == 2 { frames["last_frame_url"] = try files.dataURL(pictures[1]) }
        return frames
    }

    private static func message(
        _ job: VendorJob, _ files: inout InlineReferences
    ) throws(KinoraError) -> JSON {
        var content: [JSON] = [["text": .string(job.prompt)]]
        for reference in job.references {
            guard reference.type.family == .image else { throw unsupported("anything but images") }
            content.append(["image": try files.dataURL(reference)])
        }
        return ["role": "user", "content": .array(content)]
    }

    // MARK: parameters

    /// Sizes have an asterisk there.
    private static func size(_ job: VendorJob) -> JSON? {
        guard let size = job.parameters["size"]?.stringValue, size != "auto" else { return nil }
        return .string(size.replacing("x", with: "*"))
    }

    private static func pictureParameters(_ job: VendorJob) -> JSONObject {
        var parameters: JSONObject = [:]
        parameters["size"] = size(job)
        parameters["n"] = job.parameters["n"]
        return parameters
    }

    private static func sizeParameters(_ job: VendorJob) -> JSONObject {
        var parameters: JSONObject = [:]
        parameters["size"] = size(job)
        parameters["duration"] = job.parameters["seconds"]
        return parameters
    }

    private static let ratios = ["16:9", "9:16", "1:1", "4:3", "3:4"]

    private static func levelParameters(_ job: VendorJob, hasRatio: Bool) -> JSONObject {
        let shape = job.parameters["size"]?.stringValue.flatMap { FrameShape($0, among: ratios) }
        var parameters: JSONObject = [:]
        parameters["resolution"] =
            job.parameters["resolution"]?.stringValue.map { .string($0.uppercased()) }
            ?? shape.map { .string("\(max($0.level, 720))P") }
        // It has no word for a ratio of its own choice.
        if hasRatio, let ratio = job.parameters["ratio"]?.stringValue ?? shape?.ratio, ratio != "adaptive" {
            parameters["ratio"] = .string(ratio)
        }
        parameters["duration"] = job.parameters["seconds"]
        return parameters
    }
}
