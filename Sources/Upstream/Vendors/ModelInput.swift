import Core

/// A job in the words that models of fal and Replicate have in common: each has a schema of its own, and most
/// of them call these things so.
struct ModelInput {
    private(set) var fields: JSONObject
    private(set) var files: InlineReferences

    private static let ratios = ["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]

    init(_ job: VendorJob) throws(KinoraError) {
        files = InlineReferences(of: job, bodyBytesMax: 16 << 20)
        let given = job.parameters
        fields = ["prompt": .string(job.prompt)]
        fields["negative_prompt"] = given["negative_prompt"]
        let shape = given["size"]?.stringValue.flatMap { FrameShape($0, among: Self.ratios) }
        fields["aspect_ratio"] = given["ratio"] ?? shape.map { .string($0.ratio) }
        fields["resolution"] = given["resolution"]
        fields["seed"] = given["seed"]
    }

    subscript(_ name: String) -> JSON? {
        get { fields[name] }
        set { fields[name] = newValue }
    }

    /// What stands for a reference: its data while they are small, else its address.
    mutating func media(
        _ reference: VendorReference, within bytesMax: Int64 = 8 << 20
    ) throws(KinoraError) -> JSON {
        reference.type.family == .image && reference.bytes <= bytesMax
            ? try files.dataURL(reference) : try reference.address()
    }

    static func unsupported() -> KinoraError {
        KinoraError(.unsupportedByVendor, "This model does not take these references.", field: "references")
    }

    /// Addresses in an output, whatever its form: a text, a list of them, or objects that have a `url`.
    static func links(in output: JSON) -> [String] {
        switch output {
        case .string(let text): text.hasPrefix("https://") ? [text] : []
        case .array(let values): values.flatMap(links)
        case .object(let object): object["url"].map(links) ?? []
        default: []
        }
    }
}
