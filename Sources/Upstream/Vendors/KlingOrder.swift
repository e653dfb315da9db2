import Core

/// What Kling is asked for: where, and in which form. The model's name tells the generation, the job's
/// category the route.
struct KlingOrder {
    let path: String
    let body: HTTPCall.Body
    let isNewer: Bool

    init(_ job: VendorJob) throws(KinoraError) {
        isNewer = Self.isNewer(job.model)
        var files = InlineReferences(of: job, bodyBytesMax: Kling.bodyBytesMax)
        guard job.references.allSatisfy({ $0.type.family == .image }) else {
            throw Self.unsupported("anything but images")
        }
        if isNewer {
            path = try "/\(Self.newerRoute(job))/\(PercentCoding.encode(job.model))"
            body = .json(.object(try Self.newerFields(job)))
        } else {
            path = "/v1/\(Self.home(of: job))"
            let fields = try Self.fields(job, &files)
            body = files.body(fields)
        }
    }

    private static func unsupported(_ what: String) -> KinoraError {
        KinoraError(.unsupportedByVendor, "This model does not take \(what).", field: "references")
    }

    /// `kling-3.0`, where the older ones are `kling-v3`.
    private static func isNewer(_ model: String) -> Bool {
        model.prefixMatch(of: /kling-\d/) != nil
    }

    /// `kling-v3-omni`, `kling-video-o1`, `kling-image-o1`: they have one route for whatever they are given.
    private static func isOmni(_ model: String) -> Bool {
        model.hasSuffix("-omni") || model.hasSuffix("-o1")
    }

    /// Where the vendor keeps the job's task.
    static func home(of job: VendorJob) -> String {
        if isNewer(job.model) { return Kling.newer }
        let isOmni = isOmni(job.model)
        return switch job.category {
        case .t2i, .i2i: isOmni ? "images/omni-image" : "images/generations"
        case _ where isOmni: "videos/omni-video"
        case .t2v: "videos/text2video"
        case .ref2v: "videos/multi-image2video"
        default: "videos/image2video"
        }
    }

    // MARK: the older routes

    private static let ratios = ["16:9", "9:16", "1:1"]
    private static let pictureRatios = ratios + ["4:3", "3:4", "3:2", "2:3", "21:9"]

    private static func fields(
        _ job: VendorJob, _ files: inout InlineReferences
    ) throws(KinoraError) -> JSONObject {
        let given = job.parameters
        let isPicture = [.t2i, .i2i].contains(job.category)
        let isOmni = isOmni(job.model)
        var fields: JSONObject = ["model_name": .string(job.model), "prompt": .string(job.prompt)]
        // An omni model reads in the prompt what is not wanted.
        if !isOmni { fields["negative_prompt"] = given["negative_prompt"] }
        for (name, value) in try pictures(job, &files).members { fields[name] = value }
        let ratio = ratio(job, among: isPicture ? pictureRatios : ratios)
        if isPicture {
            fields["n"] = given["n"]
            fields["resolution"] = given["resolution"]
            fields["aspect_ratio"] = ratio
        } else {
            fields["mode"] = mode(job).map { .string($0) }
            fields["duration"] = given["seconds"].map { .string($0.text) }
            // Frames have a ratio themselves. An omni model has no usual one.
            if job.category != .i2v { fields["aspect_ratio"] = ratio ?? (isOmni ? "16:9" : nil) }
            fields["sound"] = given["audio"].map { $0 == true ? "on" : "off" }
        }
        for (name, value) in options(job).members { fields[name] = value }
        return fields
    }

    /// Where a route has its pictures.
    private enum Place {
        /// Each in a field of its own.
        case fields([String])
        /// In `image_list`: what an item calls its picture, and how many there may be.
        case list(item: String, max: Int)
    }

    /// Sources of the lists: digests of Kling's documents (WHQ25/rawgenai, docs/research/kling), and for
    /// `omni-video` and `omni-image` ComfyUI's client too (comfy_api_nodes/apis/kling.py).
    private static func place(of job: VendorJob) -> Place {
        switch (job.category, isOmni(job.model)) {
        case (.i2i, true): .list(item: "image", max: 10)
        case (.i2v, true): .list(item: "image_url", max: 2)
        case (.ref2v, true): .list(item: "image_url", max: 7)
        // Its one model, kling-v1-6, has ended at Kling itself; services that pass the API on may have it.
        case (.ref2v, false): .list(item: "image", max: 4)
        case (.i2i, false): .fields(["image"])
        case (.i2v, false): .fields(["image", "image_tail"])
        default: .fields([])
        }
    }

    private static func pictures(
        _ job: VendorJob, _ files: inout InlineReferences
    ) throws(KinoraError) -> JSONObject {
        var fields: JSONObject = [:]
        switch place(of: job) {
        case .fields(let names):
            guard job.references.count <= names.count else { throw unsupported("so many references") }
            for (name, reference) in zip(names, job.references) {
                fields[name] = try files.dataURL(reference, isBare: true)
            }
        case .list(let name, let max):
            guard job.references.count <= max else { throw unsupported("so many references") }
            var list: [JSON] = []
            for (index, reference) in job.references.enumerated() {
                var item: JSONObject = [name: try files.dataURL(reference, isBare: true)]
                // Without a type it is no frame.
                if job.category == .i2v { item["type"] = index == 0 ? "first_frame" : "end_frame" }
                list.append(.object(item))
            }
            fields["image_list"] = .array(list)
        }
        return fields
    }

    /// The standard mode makes 720 lines, the professional one 1080. Nil: the vendor's own choice.
    private static func mode(_ job: VendorJob) -> String? {
        let shape = job.parameters["size"]?.stringValue.flatMap { FrameShape($0, among: ratios) }
        let level = job.parameters["resolution"]?.stringValue?.lowercased() ?? shape.map { "\($0.level)p" }
        return level.map { ["1080p": "pro", "4k": "4k"][$0] ?? "std" }
    }

    private static func ratio(_ job: VendorJob, among ratios: [String]) -> JSON? {
        let shape = job.parameters["size"]?.stringValue.flatMap { FrameShape($0, among: ratios) }
        return job.parameters["ratio"] ?? shape.map { .string($0.ratio) }
    }

    private static func options(_ job: VendorJob) -> JSONObject {
        var options: JSONObject = ["external_task_id": .string(job.token)]
        options["callback_url"] = job.callbackURL.map { .string($0) }
        options["watermark_info"] = ["enabled": false]
        return options
    }

    // MARK: the newer routes

    private static func newerRoute(_ job: VendorJob) throws(KinoraError) -> String {
        switch (job.category, job.references.count) {
        case (.t2v, 0): return "text-to-video"
        case (.i2v, 1...2): return "image-to-video"
        case (.ref2v, 1...7): return "omni-video"
        default: throw unsupported("these references")
        }
    }

    /// References go by address only.
    private static func newerFields(_ job: VendorJob) throws(KinoraError) -> JSONObject {
        var fields: JSONObject = [:]
        if job.references.isEmpty {
            fields["prompt"] = .string(job.prompt)
        } else {
            var contents: [JSON] = [["type": "prompt", "text": .string(job.prompt)]]
            for (index, reference) in job.references.enumerated() {
                let frame = index == 0 ? "first_frame" : "last_frame"
                let type = job.category == .i2v ? frame : "refer_image"
                contents.append(["type": .string(type), "url": try reference.address()])
            }
            fields["contents"] = .array(contents)
        }
        let given = job.parameters
        var settings: JSONObject = [:]
        settings["resolution"] = given["resolution"]?.stringValue.map { .string($0.lowercased()) }
        settings["duration"] = given["seconds"]
        if job.category != .i2v { settings["aspect_ratio"] = ratio(job, among: ratios) }
        settings["audio"] = given["audio"].map { $0 == true ? "native" : "off" }
        fields["settings"] = .object(settings)
        fields["options"] = .object(options(job))
        return fields
    }
}
