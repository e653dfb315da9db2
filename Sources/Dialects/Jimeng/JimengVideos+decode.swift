public import Core

extension JimengVideos {
    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        let fields = try Fields(request.body)
        try fields.refuseStream()
        var submission = Submission(
            dialect: name, model: try fields.string("model"), kind: .video,
            category: try Self.category(fields), prompt: try fields.string("prompt") ?? "",
            parameters: try Self.parameters(fields), references: try Self.references(fields))
        submission.family = match.mount
        try submission.takeWishes(fields, of: request)
        return .submit(submission)
    }

    /// Pictures are the first and the last of the video, unless they are to be seen in it.
    private static func category(_ fields: Fields) throws(KinoraError) -> Core.Category? {
        switch try fields.string("functionMode") {
        case nil, "first_last_frames": return nil
        case "omni_reference": return .ref2v
        default:
            throw KinoraError(
                .invalidValue, "'functionMode' must be first_last_frames or omni_reference.",
                field: "functionMode")
        }
    }

    /// Kinora's names of parameters, and how clients spell them: what stands first counts.
    private static let words = [
        ("size", ["size"]), ("ratio", ["ratio", "aspect_ratio"]), ("resolution", ["resolution"]),
        ("negative_prompt", ["negative_prompt"]), ("style", ["style_id", "style"]),
    ]

    static func parameters(_ fields: Fields) throws(KinoraError) -> [GivenParameter] {
        var given: [GivenParameter] = []
        if let count = try fields.integerOrText("n"), count != 1 {
            throw KinoraError(.invalidValue, "'n' must be 1: videos are made one by one.", field: "n")
        }
        let length = try fields.integerOrText("duration")
        if let seconds = try fields.integerOrText("seconds") {
            given.append(.init(name: "seconds", value: seconds))
        } else if let length {
            given.append(.init(name: "seconds", field: "duration", value: length))
        }
        for (name, spellings) in words {
            for field in spellings {
                guard let word = try fields.string(field) else { continue }
                // Some write 1280*720, or Anime.
                let isAnyCase = ["size", "style"].contains(name)
                let text = isAnyCase ? word.lowercased().replacing("*", with: "x") : word
                given.append(.init(name: name, field: field, value: .string(text)))
                break
            }
        }
        if let isOffPeak = try fields.bool(Parameters.offPeak) {
            given.append(.init(name: Parameters.offPeak, value: .bool(isOffPeak)))
        }
        return given
    }

    /// In the order of who wins where several are sent.
    private static let names = [
        "image", "images", "references", "input_image", "input_reference", "image_url", "file_paths", "files",
    ]

    private static func references(_ fields: Fields) throws(KinoraError) -> [Reference] {
        for name in names {
            let references = try fields.references(name)
            if !references.isEmpty { return references }
        }
        var numbered: [Reference] = []
        for number in 1...9 { numbered += try fields.references("image_file_\(number)") }
        for number in 1...3 { numbered += try fields.references("video_file_\(number)", of: .video) }
        return numbered
    }
}
