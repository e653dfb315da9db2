import Core

extension MediaChat {
    /// Reads a chat as a submission. What only models of texts know (`temperature`, `max_tokens`) is left
    /// out.
    static func submission(_ body: [UInt8], of kind: MediaKind) throws(KinoraError) -> Submission {
        let fields = try Fields(.json(try JSONParser.parse(body)))
        var (prompt, references) = try said(fields)
        references += try fields.references("image") + fields.references("video", of: .video)
        let cameo = try character(fields, of: kind, prompt, &references)
        var submission = Submission(
            dialect: "", model: try fields.string("model"), kind: kind, prompt: prompt,
            parameters: kind == .image
                ? try OpenAIImages.parameters(fields) : try JimengVideos.parameters(fields),
            references: references)
        if let target = try fields.string("remix_target_id") {
            guard let source = TaskReference(target) else {
                throw KinoraError(.taskNotFound, field: "remix_target_id")
            }
            submission.remixOf = source
        }
        let user = try fields.identifier("user")
        submission.userIdentifier = try fields.identifier("user_identifier") ?? user
        submission.resultForm = .link
        submission.cameo = cameo
        return submission
    }

    /// Sora2API makes a character of the field `video`; of a video in the message where options for it are
    /// given, or nothing else is said. It is taken out of the references.
    private static func character(
        _ fields: Fields, of kind: MediaKind, _ prompt: String, _ references: inout [Reference]
    ) throws(KinoraError) -> CameoDraft? {
        let field = "character_options"
        let options = fields.value(field).flatMap { $0 == "" ? nil : $0 }
        guard kind == .video, options?.objectValue != nil || options == nil else {
            guard options == nil else {
                let what = kind == .video ? "must be an object." : "is for models of videos."
                throw KinoraError(.invalidValue, "'\(field)' \(what)", field: field)
            }
            return nil
        }
        let videos = references.filter { $0.expectedFamily == .video }
        let isAskedFor = options != nil || prompt.allSatisfy(\.isWhitespace)
        guard isAskedFor || videos.contains(where: { $0.field.hasPrefix("video") }),
            options != nil || !videos.isEmpty
        else { return nil }
        guard let video = videos.first else {
            throw KinoraError(.missingParameter, "video is required with \(field)", field: "video")
        }
        guard videos.count == 1 else {
            throw KinoraError(.invalidValue, "A character is made of one video.", field: videos[1].field)
        }
        var draft = CameoDraft(video: video, timestamps: try CameoDraft.timestamps(options?["timestamps"]))
        draft.isAskedFor = isAskedFor
        if let options { try draft.take(Fields(.json(options))) }
        references.removeAll { $0.expectedFamily == .video }
        return draft
    }

    /// Text and media of the last message of the user.
    private static func said(
        _ fields: Fields
    ) throws(KinoraError) -> (prompt: String, references: [Reference]) {
        let messages = fields.value("messages")?.arrayValue ?? []
        guard let index = messages.lastIndex(where: { $0["role"] == "user" }) else {
            throw KinoraError(
                .missingParameter, "messages must have one with the role user", field: "messages")
        }
        let field = "messages[\(index)].content"
        let said: (prompt: String, references: [Reference])
        switch messages[index]["content"] {
        case .string(let text): said = (text, [])
        case .array(let parts): said = try read(parts, field)
        default:
            throw KinoraError(.invalidValue, "'\(field)' must be a text or a list of parts.", field: field)
        }
        try said.prompt.checkLength(max: Limits.promptCharactersMax, field: field)
        return said
    }

    private static func read(
        _ parts: [JSON], _ field: String
    ) throws(KinoraError) -> (prompt: String, references: [Reference]) {
        var texts: [String] = []
        var references: [Reference] = []
        for (index, part) in parts.enumerated() {
            let field = "\(field)[\(index)]"
            switch (part["type"]?.stringValue, part["text"]?.stringValue) {
            case ("text", let text?): texts.append(text)
            case ("image_url", _), ("video_url", _):
                let name = part["type"]?.stringValue ?? ""
                let source = try Reference.Source(part[name] ?? .null, field: "\(field).\(name)")
                references.append(
                    Reference(
                        source, field: "\(field).\(name)", family: name == "video_url" ? .video : .image))
            default:
                throw KinoraError(
                    .invalidValue,
                    "'\(field)' must be a part of the type text, image_url or video_url.", field: field)
            }
        }
        guard references.count <= Limits.imageReferencesMax else {
            throw KinoraError(
                .invalidValue, "'\(field)' takes at most \(Limits.imageReferencesMax) images.", field: field)
        }
        return (texts.joined(separator: "\n"), references)
    }
}
