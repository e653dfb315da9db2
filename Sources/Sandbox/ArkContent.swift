internal import Core

/// What a video is asked for with: a text, one or two frames, or references; the three exclude each other.
struct ArkContent {
    private(set) var prompt = ""
    /// The first picture whose bytes are there.
    private(set) var picture: ReferenceImage?
    private var counts: [String: Int] = [:]

    /// Whether there is nothing but a text.
    var isText: Bool { counts.isEmpty }

    private static let most = [
        "first_frame": 1, "last_frame": 1, "reference_image": 9, "reference_video": 3, "reference_audio": 3,
    ]

    init(_ fields: VendorFields, takesReferences: Bool) throws(KinoraError) {
        guard let content = try fields.list("content"), !content.isEmpty else {
            throw KinoraError(.missingParameter, "content is missing.", field: "content")
        }
        for (index, item) in content.enumerated() {
            try add(try VendorFields(item, at: "content[\(index)]"))
        }
        let areReferences = counts.keys.contains { $0.hasPrefix("reference_") }
        let areFrames = counts["first_frame"] != nil || counts["last_frame"] != nil
        let isLoneSound = areReferences && Set(counts.keys) == ["reference_audio"]
        let isLoneEnd = counts["last_frame"] != nil && counts["first_frame"] == nil
        guard !(areReferences && areFrames), !isLoneSound, !isLoneEnd, takesReferences || !areReferences
        else {
            throw fields.bad("content", "has roles that do not go together")
        }
        guard counts.allSatisfy({ $0.value <= Self.most[$0.key] ?? 0 }) else {
            throw fields.bad("content", "has too many of one role")
        }
        guard !prompt.isEmpty || !counts.isEmpty else { throw fields.bad("content", "asks for nothing") }
    }

    private mutating func add(_ item: VendorFields) throws(KinoraError) {
        let type = try item.required("type")
        if type == "text" {
            try item.check(known: ["type", "text"])
            prompt += try item.required("text")
            return
        }
        guard let family = type.wholeMatch(of: /(image|video|audio)_url/)?.1 else {
            throw item.bad("type", "is unknown")
        }
        try item.check(known: ["type", type, "role"])
        let url = try item.fields(type)?.required("url") ?? ""
        switch family {
        case "image": picture = try item.picture(url, of: type, bytesMax: 30 << 20) ?? picture
        case "audio" where !url.hasPrefix("https://"):
            _ = try item.data(url, of: type, family: "audio", bytesMax: 15 << 20)
        case "video" where !url.hasPrefix("https://"): throw item.bad(type, "must be an https address")
        default: break
        }
        // A lone picture is the first frame without saying so.
        let roles =
            family == "image" ? ["first_frame", "last_frame", "reference_image"] : ["reference_\(family)"]
        let role =
            try item.choice("role", roles) ?? (family == "image" ? "first_frame" : "reference_\(family)")
        counts[role, default: 0] += 1
    }
}
