import Core

/// What Jimeng is asked for. A route names a service or, for videos, what the services of one model have in
/// common: pictures, and the size, choose among those.
struct JimengOrder {
    let body: HTTPCall.Body

    private static let ratios = ["16:9", "4:3", "1:1", "3:4", "9:16", "21:9"]
    /// Ten pictures of 4.7 MB are more than anybody sends.
    private static let bodyBytesMax: Int64 = 32 << 20
    /// Frames in a second.
    private static let rate: Int64 = 24

    init(_ job: VendorJob) throws(KinoraError) {
        let key = try Self.key(of: job)
        var files = InlineReferences(of: job, bodyBytesMax: Self.bodyBytesMax)
        var fields: JSONObject = ["req_key": .string(key), "prompt": .string(job.prompt)]
        let given = job.parameters
        if key.contains("_v40") || key.contains("_v46") {
            fields["image_urls"] = try Self.addresses(job.references)
            // Else it would make as many as the prompt speaks of.
            fields["force_single"] = true
            (fields["width"], fields["height"]) = Self.sides(job, area: 1024 * 1024...4096 * 4096)
        } else {
            var images: [JSON] = []
            for reference in job.references { images.append(try files.dataURL(reference, isBare: true)) }
            if !images.isEmpty { fields["binary_data_base64"] = .array(images) }
            if Self.isPicture(job) {
                (fields["width"], fields["height"]) = Self.sides(job, longest: 2048)
            } else {
                fields["frames"] = given["seconds"]?.integerValue.map { .integer($0 * Self.rate + 1) }
                // Pictures have a ratio themselves.
                if images.isEmpty {
                    fields["aspect_ratio"] = given["ratio"] ?? Self.shape(job).map { .string($0.ratio) }
                }
            }
        }
        fields["seed"] = given["seed"]
        body = files.body(fields)
    }

    private static func unsupported(_ what: String) -> KinoraError {
        KinoraError(.unsupportedByVendor, "This model does not take \(what).", field: "references")
    }

    static func isPicture(_ job: VendorJob) -> Bool { [.t2i, .i2i].contains(job.category) }

    /// The service that makes the job.
    static func key(of job: VendorJob) throws(KinoraError) -> String {
        let count = job.references.count
        guard job.references.allSatisfy({ $0.type.family == .image }) else {
            throw unsupported("anything but images")
        }
        let isFine = shape(job)?.level == 1080 || job.parameters["resolution"]?.stringValue == "1080p"
        switch job.model {
        case "jimeng_t2i_v30", "jimeng_t2i_v31":
            guard count <= 1 else { throw unsupported("so many references") }
            return job.category == .i2i ? "jimeng_i2i_v30" : job.model
        case "jimeng_t2v_v30":
            guard count == 0 else { throw unsupported("references") }
            return isFine ? "jimeng_t2v_v30_1080p" : job.model
        case "jimeng_i2v_v30":
            guard count <= 2 else { throw unsupported("so many references") }
            let way = count == 2 ? "first_tail" : "first"
            return "jimeng_i2v_\(way)_v30\(isFine ? "_1080" : "")"
        default: return job.model
        }
    }

    private static func shape(_ job: VendorJob) -> FrameShape? {
        job.parameters["size"]?.stringValue.flatMap { FrameShape($0, among: ratios) }
    }

    private static func addresses(_ references: [VendorReference]) throws(KinoraError) -> JSON? {
        var addresses: [JSON] = []
        for reference in references { addresses.append(try reference.address()) }
        return addresses.isEmpty ? nil : .array(addresses)
    }

    /// Width and height, in the same ratio made as large or small as the model makes them.
    private static func sides(
        _ job: VendorJob, longest: Double = .infinity, area: ClosedRange<Double> = 0 ... .infinity
    ) -> (JSON?, JSON?) {
        let sides = (job.parameters["size"]?.stringValue ?? "").split(separator: "x")
            .compactMap { Double($0) }
        guard sides.count == 2, let most = sides.max(), most > 0, most <= 1e6 else { return (nil, nil) }
        let wanted = sides[0] * sides[1]
        let fitting = min(max(wanted, area.lowerBound), area.upperBound)
        let factor = min((fitting / wanted).squareRoot(), longest / most)
        guard factor != 1 else { return (.integer(Int64(sides[0])), .integer(Int64(sides[1]))) }
        // Even, and beyond the lower bound where that was the reason.
        let rounding: FloatingPointRoundingRule = factor > 1 ? .up : .down
        let even = sides.map { JSON.integer(Int64(($0 * factor / 2).rounded(rounding)) * 2) }
        return (even[0], even[1])
    }
}
