import Core

extension InlineReferences {
    /// `content[]`, in which Ark and MiniMax have the prompt beside pictures, films and sounds. References of
    /// families that are not `inline` go by address.
    mutating func content(
        of job: VendorJob, inline families: Set<MediaType.Family>
    ) throws(KinoraError) -> JSON {
        var content: [JSON] = [["type": "text", "text": .string(job.prompt)]]
        for (index, reference) in job.references.enumerated() {
            let family = reference.type.family
            let type = "\(family.rawValue)_url"
            var item: JSONObject = [
                "type": .string(type), "role": .string(try Self.role(of: reference, at: index, in: job)),
            ]
            item[type] = [
                "url": families.contains(family) ? try dataURL(reference) : try reference.address()
            ]
            content.append(.object(item))
        }
        return .array(content)
    }

    /// Frames and references exclude each other: the category says which they are.
    private static func role(
        of reference: VendorReference, at index: Int, in job: VendorJob
    ) throws(KinoraError) -> String {
        let family = reference.type.family
        guard job.category == .i2v else { return "reference_\(family.rawValue)" }
        guard family == .image, job.references.count <= 2 else {
            throw KinoraError(
                .unsupportedByVendor, "This model takes a first and a last frame.", field: "references")
        }
        return index == 0 ? "first_frame" : "last_frame"
    }
}
