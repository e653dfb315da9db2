import Core

/// Seedream's pictures. The reply is the result: there is nothing to poll and nothing to look up.
extension Ark {
    func draw(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        var files = InlineReferences(of: job, bodyBytesMax: Self.bodyBytesMax)
        var images: [JSON] = []
        for reference in job.references {
            guard reference.type.family == .image else {
                throw KinoraError(.unsupportedByVendor, "This model takes images only.", field: "image")
            }
            images.append(try files.dataURL(reference))
        }
        var fields: JSONObject = ["model": .string(job.model), "prompt": .string(job.prompt)]
        if !images.isEmpty { fields["image"] = images.count == 1 ? images[0] : .array(images) }
        fields["size"] = job.parameters["size"].flatMap { $0 == "auto" ? nil : $0 }
        // Several pictures are a series to Seedream, and how many it makes is at most what is said.
        if let count = job.parameters["n"]?.integerValue, count > 1 {
            fields["sequential_image_generation"] = "auto"
            fields["sequential_image_generation_options"] = ["max_images": .integer(count)]
        }
        fields["seed"] = job.parameters["seed"]
        fields["output_format"] = job.parameters["output_format"]
        fields["response_format"] = "b64_json"
        fields["watermark"] = false
        var call = HTTPCall(
            .post, account.url("/images/generations"), headers: account.headers(), body: files.body(fields),
            timeoutSeconds: Limits.submitSecondsMax, isRepeatable: false)
        call.mediaMembers = ["b64_json"]
        return call
    }

    /// The pictures of a reply; single ones may have failed, or all of them.
    static func made(_ pictures: [JSON], _ reply: HTTPReply) -> VendorAnswer {
        let results = pictures.compactMap { picture -> VendorResult? in
            if let place = picture["b64_json"]?.integerValue { return VendorResult(.media(Int(place))) }
            return picture["url"]?.stringValue.map { VendorResult(.link($0)) }
        }
        guard results.isEmpty else { return .made(results) }
        let code = pictures.compactMap { $0["error"]?["code"]?.stringValue }.first
        switch code {
        case let code? where isContentRefusal(code):
            return .refused(KinoraError(.contentRefused, detail: reply.excerpt))
        case .some: return .refused(KinoraError(.generationFailed, detail: reply.excerpt))
        case nil: return .refused(KinoraError(.upstreamEmptyResult, detail: reply.excerpt))
        }
    }
}
