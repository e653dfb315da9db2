import Core

extension MediaChat {
    /// Reads a chat as a submission. What only models of texts know (`temperature`, `max_tokens`) is left
    /// out.
    static func submission(_ body: [UInt8], of kind: MediaKind) throws(KinoraError) -> Submission {
        let fields = try Fields(.json(try JSONParser.parse(body)))
        var (prompt, references) = try said(fields)
        references += try fields.references("image") + fields.references("video", of: .video)
        try refuseCharacter(fields, prompt)
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
        return submission
    }

    /// Sora2API makes a character of a video that comes without a prompt.
    private static func refuseCharacter(_ fields: Fields, _ prompt: String) throws(KinoraError) {
        for name in ["character_options", "video"] where fields.value(name) ?? "" != "" {
            guard name == "character_options" || prompt.allSatisfy(\.isWhitespace) else { continue }
            throw KinoraError(
                .invalidValue, "'\(name)' is not supported: no upstream here makes characters.", field: name)
        }
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
        switch messages[index]["content"] {
        case .string(let text): return (text, [])
        case .array(let parts): return try read(parts, field)
        default:
            throw KinoraError(.invalidValue, "'\(field)' must be a text or a list of parts.", field: field)
        }
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
