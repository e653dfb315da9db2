public import Core

extension Llmage {
    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        switch match.route {
        case Self.models: return .models(ModelFilter())
        case Self.chat: return .relay(try Self.chat(request.body))
        case Self.tasks: return try Self.task(of: request)
        case Self.image: return .submit(try submission(request, .image))
        default: return .submit(try submission(request, .video))
        }
    }

    static func missing(_ field: String) -> KinoraError {
        KinoraError(.missingParameter, "\(field) is required", field: field)
    }

    private static func task(of request: Request) throws(KinoraError) -> Command {
        let query = request.path.query
        guard let id = query["taskid"], !id.isEmpty else { throw missing("taskid") }
        guard let reference = TaskReference(id) else { throw KinoraError(.taskNotFound) }
        let wait = try query.integer("wait", in: 0...Limits.syncWaitSecondsMax)
        return .report(reference, waitSeconds: wait ?? request.head.preferredWaitSeconds ?? 0)
    }

    // Pictures and videos

    private func submission(_ request: Request, _ kind: MediaKind) throws(KinoraError) -> Submission {
        let fields = try Fields(request.body)
        guard let model = try fields.string("model") else { throw Self.missing("model") }
        guard let word = try fields.string("catelogid") else { throw Self.missing("catelogid") }
        guard let prompt = try fields.string("prompt") else { throw Self.missing("prompt") }
        guard let category = Category(rawValue: word) else { throw KinoraError.modelNotFound(model) }
        var submission = Submission(
            dialect: name, model: model, kind: kind, category: category, prompt: prompt,
            parameters: try Self.parameters(fields), references: try Self.references(fields))
        submission.isReported = true
        submission.pictureFields = Self.pictureFields(category, submission.references.first)
        submission.takePreferences(of: request)
        return submission
    }

    private static func parameters(_ fields: Fields) throws(KinoraError) -> [GivenParameter] {
        var given: [GivenParameter] = []
        for (field, name) in [("duration", "seconds"), ("n", "n")] {
            guard let number = try fields.integerOrText(field) else { continue }
            given.append(.init(name: name, field: field, value: number))
        }
        for name in ["resolution", "ratio", "negative_prompt"] {
            guard let text = try fields.string(name) else { continue }
            given.append(.init(name: name, value: .string(text)))
        }
        if let size = try fields.string("size") {
            given.append(.init(name: "size", value: .string(size.lowercased().replacing("*", with: "x"))))
        }
        if let isOffPeak = try offPeak(fields) {
            given.append(.init(name: Parameters.offPeak, value: .bool(isOffPeak)))
        }
        return given
    }

    /// `Y` or `N`, or a truth value as the other APIs take it.
    private static func offPeak(_ fields: Fields) throws(KinoraError) -> Bool? {
        let name = Parameters.offPeak
        guard let text = fields.value(name)?.stringValue else { return try fields.bool(name) }
        switch text {
        case "": return nil
        case "Y", "y": return true
        case "N", "n": return false
        default:
            guard let value = try? fields.bool(name) else {
                throw KinoraError(.invalidValue, "'\(name)' must be one of: Y, N.", field: name)
            }
            return value
        }
    }

    // Media: files of a form; addresses, data URLs and base64 as text

    /// The first picture of a video, then its last one, then what belongs to no place.
    private static func references(_ fields: Fields) throws(KinoraError) -> [Reference] {
        let first = try frame(["image_file", "image1_file", "image_file1", "image_url"], fields)
        let last = try frame(["image2_file", "image_file2"], fields)
        if let last, first == nil { throw missing(last.field.replacing("2", with: "1")) }
        var references = [first, last].compactMap(\.self)
        let others: [(name: String, family: MediaType.Family)] = [
            ("image_files", .image), ("video_files", .video), ("audio_files", .audio),
        ]
        for (name, family) in others { references += try fields.references(name, of: family) }
        return references
    }

    /// One picture, under any of its names.
    private static func frame(_ names: [String], _ fields: Fields) throws(KinoraError) -> Reference? {
        var given: [(name: String, reference: Reference)] = []
        for name in names { given += try fields.references(name).map { (name, $0) } }
        guard given.count < 2 else {
            throw KinoraError(
                .invalidValue, "'\(given[1].name)' must be one picture, and \(given.count) were given.",
                field: given[1].name)
        }
        return given.first?.reference
    }

    /// The names of the pictures that such a model needs; of the second as the first is spelled.
    private static func pictureFields(_ category: Core.Category, _ first: Reference?) -> [String] {
        guard category == .i2v else { return [category == .ref2v ? "image_files" : "image_file"] }
        let name = first?.field ?? "image_file"
        return [name, name.contains("1") ? name.replacing("1", with: "2") : "image2_file"]
    }
}
