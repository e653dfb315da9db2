import Core

extension Fields {
    /// The media of a field: files, or one value or a list of them, each an address, base64 or a data URL, or
    /// an object that holds one.
    func references(
        _ name: String, of family: MediaType.Family = .image
    ) throws(KinoraError) -> [Reference] {
        let files = files(name)
        if !files.isEmpty { return files.map { Reference(.uploaded($0), field: name, family: family) } }
        let values = values(name)
        guard values.count <= Limits.imageReferencesMax else {
            throw KinoraError(
                .invalidValue, "'\(name)' takes at most \(Limits.imageReferencesMax) images.", field: name)
        }
        var references: [Reference] = []
        for value in values {
            references.append(
                Reference(try Reference.Source(value, field: name), field: name, family: family))
        }
        return references
    }

    /// Media come whole. Who asks for a stream would wait for events that never come.
    func refuseStream() throws(KinoraError) {
        guard try bool("stream") == true else { return }
        throw KinoraError(
            .invalidValue, "'stream' is not supported here: what is made comes whole.", field: "stream")
    }
}

extension Reference.Source {
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
