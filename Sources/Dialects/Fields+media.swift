import Core

extension Fields {
    /// The media of a field, in order: files, and one value or a list of them, each an address, base64 or a
    /// data URL, or an object that holds one. Where there are several, errors say which is meant.
    func references(
        _ name: String, of family: MediaType.Family = .image
    ) throws(KinoraError) -> [Reference] {
        let media = media(name)
        guard media.count <= Limits.imageReferencesMax else {
            throw KinoraError(
                .invalidValue, "'\(name)' takes at most \(Limits.imageReferencesMax) \(family.rawValue)s.",
                field: name)
        }
        var references: [Reference] = []
        for (index, medium) in media.enumerated() {
            let field = media.count > 1 ? "\(name)[\(index)]" : name
            references.append(
                Reference(try Reference.Source(medium, field: field), field: field, family: family))
        }
        return references
    }

    /// The medium of a field that takes one, a file or a value. Throws `invalidValue` when a form has more.
    func medium(_ name: String) throws(KinoraError) -> Medium? {
        guard isForm else { return value(name).flatMap { $0 == "" ? nil : .value($0) } }
        let media = media(name)
        guard media.count < 2 else {
            throw KinoraError(
                .invalidValue, "'\(name)' must be one picture, and \(media.count) were given.", field: name)
        }
        return media.first
    }

    /// Media come whole. Who asks for a stream would wait for events that never come.
    func refuseStream() throws(KinoraError) {
        guard try bool("stream") == true else { return }
        throw KinoraError(
            .invalidValue, "'stream' is not supported here: what is made comes whole.", field: "stream")
    }
}

extension Reference.Source {
    init(_ medium: Fields.Medium, field: String) throws(KinoraError) {
        switch medium {
        case .file(let file): self = .uploaded(file)
        case .value(let value): try self.init(value, field: field)
        }
    }

    /// As text in a field, or as an object that holds it: `{url}`, `{image_url}` or `{image_url: {url}}`.
    init(_ value: JSON, field: String) throws(KinoraError) {
        let inner = value["url"] ?? value["image_url"]
        guard let text = value.stringValue ?? inner?.stringValue ?? inner?["url"]?.stringValue else {
            throw KinoraError(
                .invalidValue,
                "'\(field)' must be a file, an address, base64, a data URL or a list of them.", field: field)
        }
        try self.init(text, field: field)
    }
}

extension Submission {
    /// What a request says of its answer: the media themselves, or the task; and who asks.
    mutating func takeWishes(_ fields: Fields, of request: Request) throws(KinoraError) {
        takePreferences(of: request)
        let user = try fields.identifier("user")
        userIdentifier = try fields.identifier("user_identifier") ?? user
        let form = try OpenAIImages.form(try fields.string("response_format") ?? "")
        let isAsync = try fields.bool("async") ?? false
        if request.head.prefersAsync || isAsync {
            waitSeconds = nil
        } else {
            resultForm = form
        }
    }
}
