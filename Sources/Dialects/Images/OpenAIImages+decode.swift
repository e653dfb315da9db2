public import Core

extension OpenAIImages {
    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        switch match.route {
        case Self.task: return .task(try Self.reference(match), waitSeconds: try Self.wait(request))
        case Self.result: return try Self.results(request, match)
        case Self.remove: return .delete(try Self.reference(match))
        case let route:
            let isEdit = [Self.edit, Self.compose, Self.hubEdit].contains(route)
            return .submit(try submission(request, family: match.mount, mustHaveImage: isEdit))
        }
    }

    private static func reference(_ match: RouteMatch) throws(KinoraError) -> TaskReference {
        guard let reference = TaskReference(match.values[0]) else { throw KinoraError(.taskNotFound) }
        return reference
    }

    private static func wait(_ request: Request) throws(KinoraError) -> Int {
        try request.path.query.integer("wait", in: 0...Limits.syncWaitSecondsMax)
            ?? request.head.preferredWaitSeconds ?? 0
    }

    private static func results(_ request: Request, _ match: RouteMatch) throws(KinoraError) -> Command {
        .results(
            try reference(match), waitSeconds: try wait(request),
            try form(request.path.query["response_format"] ?? ""))
    }

    private static func form(_ word: String) throws(KinoraError) -> ResultForm {
        if word.isEmpty { return .link }
        guard let form = ResultForm(rawValue: word) else {
            throw KinoraError(
                .invalidValue, "'response_format' must be url or b64_json.", field: "response_format")
        }
        return form
    }

    func submission(
        _ request: Request, family: String?, mustHaveImage: Bool
    ) throws(KinoraError) -> Submission {
        let fields = try Fields(request.body)
        try Self.refuseUnsupported(fields)
        var submission = Submission(
            dialect: name, model: try fields.string("model"), kind: .image,
            prompt: try fields.string("prompt") ?? "", parameters: try Self.parameters(fields),
            references: try Self.references(fields))
        // Named before the image: without a prompt nothing can be made of it.
        if mustHaveImage, submission.references.isEmpty, !submission.prompt.isEmpty {
            throw KinoraError(.missingParameter, "image is required", field: "image")
        }
        submission.family = family
        submission.takePreferences(of: request)
        let user = try fields.identifier("user")
        submission.userIdentifier = try fields.identifier("user_identifier") ?? user
        let form = try Self.form(try fields.string("response_format") ?? "")
        let isAsync = try fields.bool("async") ?? false
        if request.head.prefersAsync || isAsync {
            submission.waitSeconds = nil
        } else {
            submission.resultForm = form
        }
        return submission
    }

    private static func refuseUnsupported(_ fields: Fields) throws(KinoraError) {
        if try fields.bool("stream") == true {
            throw KinoraError(
                .invalidValue, "'stream' is not supported for pictures: they come whole.", field: "stream")
        }
        if fields.value("mask") ?? "" != "" || fields.file("mask") != nil {
            throw KinoraError(
                .invalidValue, "'mask' is not supported: say in the prompt what to change.", field: "mask")
        }
    }

    private static let words = [
        "quality", "style", "ratio", "resolution", "background", "output_format", "moderation",
        "input_fidelity",
    ]

    private static func parameters(_ fields: Fields) throws(KinoraError) -> [GivenParameter] {
        var given: [GivenParameter] = []
        for name in ["n", "output_compression"] {
            if let number = try fields.integerOrText(name) { given.append(.init(name: name, value: number)) }
        }
        if let size = try fields.string("size") {
            // Some write 1024*1024.
            given.append(.init(name: "size", value: .string(size.lowercased().replacing("*", with: "x"))))
        }
        for name in words {
            if let word = try fields.string(name) { given.append(.init(name: name, value: .string(word))) }
        }
        if let isOffPeak = try fields.bool(Parameters.offPeak) {
            given.append(.init(name: Parameters.offPeak, value: .bool(isOffPeak)))
        }
        return given
    }

    /// In the order of who wins where several are sent.
    private static let names = ["image", "images", "references", "input_image", "input_reference"]

    private static func references(_ fields: Fields) throws(KinoraError) -> [Reference] {
        for name in names {
            let files = fields.files(name)
            if !files.isEmpty { return files.map { Reference(.uploaded($0), field: name, family: .image) } }
            let values = fields.values(name)
            guard !values.isEmpty else { continue }
            guard values.count <= Limits.imageReferencesMax else {
                throw KinoraError(
                    .invalidValue, "'\(name)' takes at most \(Limits.imageReferencesMax) images.", field: name
                )
            }
            var references: [Reference] = []
            for value in values {
                references.append(Reference(try source(value, name), field: name, family: .image))
            }
            return references
        }
        return []
    }

    /// An address, base64 or a data URL, or an object that holds one: `{url}`, `{image_url}` or
    /// `{image_url: {url}}`.
    private static func source(_ value: JSON, _ field: String) throws(KinoraError) -> Reference.Source {
        if let text = value.stringValue { return try Reference.Source(text, field: field) }
        let inner = value["url"] ?? value["image_url"]
        if let text = inner?.stringValue ?? inner?["url"]?.stringValue {
            return try Reference.Source(text, field: field)
        }
        throw KinoraError(
            .invalidValue, "'\(field)' must be a file, an address, base64, a data URL or a list of them.",
            field: field)
    }
}
