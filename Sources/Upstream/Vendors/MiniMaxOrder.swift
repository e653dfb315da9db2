import Core

/// What MiniMax is asked for: where, and in which form. The model's name tells the version, and the job's
/// category whether it is for pictures.
struct MiniMaxOrder {
    let path: String
    let body: HTTPCall.Body
    /// Pictures come with the answer.
    let isForPictures: Bool

    /// Two pictures of 20 MB, as base64.
    private static let bodyBytesMax: Int64 = 54 << 20
    /// The second version takes 64 MB, and a little goes to everything but the pictures.
    private static let newerBodyBytesMax: Int64 = 60 << 20

    init(_ job: VendorJob) throws(KinoraError) {
        let isNewer = Self.isNewer(job.model)
        isForPictures = !isNewer && [.t2i, .i2i].contains(job.category)
        var files = InlineReferences(
            of: job, bodyBytesMax: isNewer ? Self.newerBodyBytesMax : Self.bodyBytesMax)
        var fields: JSONObject = ["model": .string(job.model)]
        let own: JSONObject
        if isNewer {
            path = "/v2/video_generation"
            own = try Self.newerFilm(job, &files)
        } else {
            path = isForPictures ? "/v1/image_generation" : "/v1/video_generation"
            guard job.references.allSatisfy({ $0.type.family == .image }) else {
                throw Self.unsupported("anything but images")
            }
            fields["prompt"] = .string(job.prompt)
            own = isForPictures ? try Self.picture(job, &files) : try Self.film(job, &files)
        }
        for (name, value) in own.members { fields[name] = value }
        fields["aigc_watermark"] = false
        body = files.body(fields)
    }

    private static func unsupported(_ what: String) -> KinoraError {
        KinoraError(.unsupportedByVendor, "This model does not take \(what).", field: "references")
    }

    /// `MiniMax-H3`, where the older ones are `MiniMax-Hailuo-02`.
    static func isNewer(_ model: String) -> Bool {
        model.prefixMatch(of: /MiniMax-H\d/) != nil
    }

    // MARK: the first version

    private static let ratios = ["16:9", "4:3", "1:1", "3:4", "9:16", "3:2", "2:3", "21:9"]

    private static func film(
        _ job: VendorJob, _ files: inout InlineReferences
    ) throws(KinoraError) -> JSONObject {
        var fields: JSONObject = [:]
        let given = job.parameters
        if job.category == .ref2v {
            guard job.references.count == 1 else { throw unsupported("so many references") }
            let image = try files.dataURL(job.references[0])
            fields["subject_reference"] = [["type": "character", "image": [image]]]
        } else {
            guard job.references.count <= 2 else { throw unsupported("so many references") }
            for (name, reference) in zip(["first_frame_image", "last_frame_image"], job.references) {
                fields[name] = try files.dataURL(reference)
            }
        }
        let shape = given["size"]?.stringValue.flatMap { FrameShape($0, among: ratios) }
        fields["duration"] = given["seconds"]
        // Where others make 480 and 720 lines, it makes 512 and 768.
        fields["resolution"] =
            given["resolution"]?.stringValue.map { .string($0.uppercased()) }
            ?? shape.map { .string($0.level == 1080 ? "1080P" : $0.level == 720 ? "768P" : "512P") }
        return fields
    }

    private static func picture(
        _ job: VendorJob, _ files: inout InlineReferences
    ) throws(KinoraError) -> JSONObject {
        guard job.references.count <= 1 else { throw unsupported("so many references") }
        var fields: JSONObject = [:]
        let shape = job.parameters["size"]?.stringValue.flatMap { FrameShape($0, among: ratios) }
        fields["aspect_ratio"] = job.parameters["ratio"] ?? shape.map { .string($0.ratio) }
        fields["n"] = job.parameters["n"]
        fields["seed"] = job.parameters["seed"]
        fields["response_format"] = "url"
        if let reference = job.references.first {
            let image = try files.dataURL(reference)
            fields["subject_reference"] = [["type": "character", "image_file": image]]
        }
        return fields
    }

    // MARK: the second version

    private static let newerRatios = ["21:9", "16:9", "4:3", "1:1", "3:4", "9:16"]

    /// Films go by address, and so do sounds: which name it wants for an MP3 as data is not known for sure.
    private static func newerFilm(
        _ job: VendorJob, _ files: inout InlineReferences
    ) throws(KinoraError) -> JSONObject {
        switch (job.category, job.references.count) {
        case (.t2v, 0), (.i2v, 1...2), (.ref2v, 1...15): break
        default: throw unsupported("these references")
        }
        var fields: JSONObject = ["content": try files.content(of: job, inline: [.image])]
        let given = job.parameters
        let shape = given["size"]?.stringValue.flatMap { FrameShape($0, among: newerRatios) }
        fields["resolution"] =
            given["resolution"]?.stringValue.map { .string($0.uppercased()) }
            ?? shape.map { $0.level == 1080 ? "2K" : "768P" }
        fields["duration"] = given["seconds"]
        // Frames have a ratio themselves.
        if job.category != .i2v { fields["ratio"] = given["ratio"] ?? shape.map { .string($0.ratio) } }
        return fields
    }
}
