import Core

/// References of a job on their way into a JSON body, as data URLs or base64.
struct InlineReferences {
    private(set) var files: [HTTPCall.InlineFile] = []
    private let token: String
    private let bodyBytesMax: Int64
    private var bytes: Int64 = 0

    /// `bodyBytesMax`: most bytes that the vendor takes of one body.
    init(of job: VendorJob, bodyBytesMax: Int64) {
        token = job.token
        self.bodyBytesMax = bodyBytesMax
    }

    /// What stands for the reference in the JSON: a data URL, or base64 alone.
    mutating func dataURL(
        _ reference: VendorReference, isBare: Bool = false
    ) throws(KinoraError) -> JSON {
        bytes += (reference.bytes + 2) / 3 * 4 + 1024
        guard bytes <= bodyBytesMax else {
            throw KinoraError(
                .unsupportedByVendor, "The reference media together are too large for this model.",
                field: "references")
        }
        // Unguessable before the task is accepted, so no prompt has it.
        let mark = "kinora-file-\(token)-\(files.count)."
        files.append(
            HTTPCall.InlineFile(mark: mark, path: reference.path, type: reference.type, isBare: isBare))
        return .string(mark)
    }

    func body(_ fields: JSONObject) -> HTTPCall.Body {
        files.isEmpty ? .json(.object(fields)) : .jsonWithFiles(.object(fields), files)
    }
}

extension VendorReference {
    /// For vendors that fetch it themselves and take no bytes.
    func address() throws(KinoraError) -> JSON {
        guard let link else {
            throw KinoraError(
                .unsupportedByVendor,
                "This service cannot hand a reference \(type.family.rawValue) to this model.",
                field: "references", detail: "its vendor takes https addresses only: set KINORA_PUBLIC_URL")
        }
        return .string(link)
    }
}
