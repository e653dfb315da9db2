import Core

/// Pictures (platform.openai.com/docs/api-reference/images). The reply is the result: there is nothing to
/// poll and nothing to look up.
extension OpenAI {
    func draw(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        let isEdit = job.category == .i2i
        let body: HTTPCall.Body =
            isEdit ? .multipart(try Self.parts(of: job)) : .json(.object(Self.fields(of: job)))
        var call = HTTPCall(
            .post, account.url(isEdit ? "/images/edits" : "/images/generations"),
            headers: account.headers() + [("Idempotency-Key", Secret(job.token))], body: body,
            timeoutSeconds: Limits.submitSecondsMax, isRepeatable: false)
        call.mediaMembers = ["b64_json"]
        return call
    }

    /// Names that OpenAI refuses on models that it does not have them for.
    private static func fields(of job: VendorJob) -> JSONObject {
        let isGPT = job.model.hasPrefix("gpt-image") || job.model.hasPrefix("chatgpt-image")
        let isOpenAI = isGPT || job.model.hasPrefix("dall-e")
        var fields: JSONObject = ["model": .string(job.model), "prompt": .string(job.prompt)]
        fields["n"] = job.parameters["n"]
        // Gateways to Jimeng refuse a size and want what it was made of.
        let shape = !isOpenAI && job.parameters["ratio"] != nil ? ["ratio", "resolution"] : ["size"]
        for name in shape { fields[name] = job.parameters[name] }
        fields["quality"] = job.parameters["quality"].map {
            isGPT ? qualities[$0.stringValue ?? ""] ?? $0 : $0
        }
        if isGPT {
            for name in ["background", "output_format", "output_compression", "moderation", "input_fidelity"]
            {
                fields[name] = job.parameters[name]
            }
        } else {
            fields["style"] = job.parameters["style"]
            fields["response_format"] = "b64_json"
        }
        return fields
    }

    /// As Sora2API and DALL·E call them.
    private static let qualities: [String: JSON] = ["standard": "medium", "hd": "high"]

    private static func parts(of job: VendorJob) throws(KinoraError) -> [HTTPCall.Part] {
        guard job.references.allSatisfy({ $0.type.family == .image }) else {
            throw KinoraError(.unsupportedByVendor, "This model takes images only.", field: "image")
        }
        let name = job.references.count > 1 ? "image[]" : "image"
        let files = job.references.enumerated().map { index, reference in
            HTTPCall.Part.file(
                name: name, path: reference.path,
                filename: "image-\(index + 1).\(reference.type.fileExtension)", type: reference.type)
        }
        return fields(of: job).members.map {
            .text(name: $0.name, value: $0.value.stringValue ?? $0.value.text)
        }
            + files
    }

    /// The pictures of a reply; single ones may be missing.
    static func made(_ pictures: [JSON], _ reply: HTTPReply) throws(KinoraError) -> [VendorResult] {
        let results = pictures.compactMap { picture -> VendorResult? in
            let revised = picture["revised_prompt"]?.stringValue
            if let place = picture["b64_json"]?.integerValue {
                return VendorResult(.media(Int(place)), revisedPrompt: revised)
            }
            guard let link = picture["url"]?.stringValue, !link.isEmpty else { return nil }
            return VendorResult(.link(link), revisedPrompt: revised)
        }
        guard !results.isEmpty else { throw KinoraError(.upstreamEmptyResult, detail: reply.excerpt) }
        return results
    }
}
