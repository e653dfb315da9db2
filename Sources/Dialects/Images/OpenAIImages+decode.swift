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

    static func form(_ word: String) throws(KinoraError) -> ResultForm {
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
        try submission.takeWishes(fields, of: request)
        return submission
    }

    private static func refuseUnsupported(_ fields: Fields) throws(KinoraError) {
        try fields.refuseStream()
        if fields.value("mask") ?? "" != "" || fields.file("mask") != nil {
            throw KinoraError(
                .invalidValue, "'mask' is not supported: say in the prompt what to change.", field: "mask")
        }
    }

    private static let words = [
        "quality", "style", "ratio", "resolution", "background", "output_format", "moderation",
        "input_fidelity",
    ]

    static func parameters(_ fields: Fields) throws(KinoraError) -> [GivenParameter] {
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
            let references = try fields.references(name)
            if !references.isEmpty { return references }
        }
        return []
    }
}
