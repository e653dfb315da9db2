public import Core

extension OpenArt {
    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        switch match.route {
        case Self.task:
            let wait = try request.path.query.integer("wait", in: 0...Limits.syncWaitSecondsMax)
            return .report(
                try Self.reference(match.values[0]),
                waitSeconds: wait ?? request.head.preferredWaitSeconds ?? 0)
        case Self.tasks: return .reports(try Self.page(request.path.query))
        case Self.stats: return .stats(family: "openart")
        case Self.credits: return .credits(of: Self.usual)
        default: return .submit(try submission(request))
        }
    }

    private static func reference(_ id: String) throws(KinoraError) -> TaskReference {
        guard let reference = TaskReference(id) else { throw KinoraError(.taskNotFound) }
        return reference
    }

    /// What most ask for: its price is that of "a video".
    private static var usual: Submission {
        Submission(dialect: "openart", model: model, kind: .video, prompt: "a video")
    }

    private static func page(_ query: Query) throws(KinoraError) -> ReportPage {
        var progress: Progress?
        if let word = query["status"], !word.isEmpty {
            progress = Progress(rawValue: word)
            guard progress != nil else {
                let words = Progress.allCases.map(\.rawValue).joined(separator: ", ")
                throw KinoraError(.invalidValue, "'status' must be one of: \(words).", field: "status")
            }
        }
        return ReportPage(
            kind: .video, limit: try query.integer("limit", in: 1...500) ?? 50,
            skipped: try query.integer("offset", in: 0...Limits.tasksCountedMax) ?? 0,
            stages: progress?.stages)
    }

    private func submission(_ request: Request) throws(KinoraError) -> Submission {
        let fields = try Fields(request.body)
        let prompt = try fields.string("prompt") ?? ""
        let references = try Self.references(fields)
        try Self.checkMarks(of: prompt, references)
        var parameters: [GivenParameter] = []
        if let seconds = try fields.integerOrText("duration") {
            parameters.append(.init(name: "seconds", field: "duration", value: seconds))
        }
        if let ratio = try fields.string("aspect_ratio") {
            parameters.append(.init(name: "ratio", field: "aspect_ratio", value: .string(ratio)))
        }
        if let isOffPeak = try fields.bool(Parameters.offPeak) {
            parameters.append(.init(name: Parameters.offPeak, value: .bool(isOffPeak)))
        }
        var submission = Submission(
            dialect: name, model: try fields.string("model") ?? Self.model, kind: .video,
            category: references.isEmpty ? nil : .ref2v, prompt: prompt, parameters: parameters,
            references: references)
        submission.userIdentifier = try fields.identifier("user_identifier")
        submission.isReported = true
        submission.pictureFields = ["refs"]
        submission.takePreferences(of: request)
        return submission
    }

    /// Addresses first, then files, as the numbers of the marks count them.
    private static func references(_ fields: Fields) throws(KinoraError) -> [Reference] {
        var references: [Reference] = []
        for (index, item) in try list(fields).enumerated() {
            let field = "refs[\(index)]"
            guard let type = item["type"]?.stringValue, let family = MediaType.Family(rawValue: type),
                family != .video
            else {
                throw KinoraError(
                    .invalidValue, "'\(field).type' must be image or audio.", field: "\(field).type")
            }
            guard let url = item["url"]?.stringValue, !url.isEmpty else {
                throw KinoraError(.missingParameter, "\(field).url is required", field: "\(field).url")
            }
            let source = try Reference.Source(url, field: "\(field).url")
            references.append(Reference(source, field: "\(field).url", family: family))
        }
        for (name, family) in [("image_files", MediaType.Family.image), ("audio_files", .audio)] {
            guard fields.values(name).isEmpty else {
                throw KinoraError(
                    .invalidValue, "'\(name)' must be files; addresses go into 'refs'.", field: name)
            }
            references += try fields.references(name, of: family)
        }
        return references
    }

    /// An array; in a form its JSON text.
    private static func list(_ fields: Fields) throws(KinoraError) -> [JSON] {
        guard fields.files("refs").isEmpty else {
            throw KinoraError(
                .invalidValue, "'refs' must be JSON; files go into 'image_files' and 'audio_files'.",
                field: "refs")
        }
        guard var value = try fields.onlyValue("refs"), value != "" else { return [] }
        if let text = value.stringValue {
            do throws(KinoraError) { value = try JSONParser.parse(Array(text.utf8)) } catch {
                throw KinoraError(.invalidValue, "'refs' is no JSON: \(error.message)", field: "refs")
            }
        }
        if value.isNull || value == "" { return [] }
        guard let list = value.arrayValue else {
            throw KinoraError(.invalidValue, "'refs' must be an array, not \(value.kindName).", field: "refs")
        }
        guard list.count <= Limits.imageReferencesMax else {
            throw KinoraError(
                .invalidValue, "'refs' takes at most \(Limits.imageReferencesMax) references.", field: "refs")
        }
        return list
    }

    /// `@image2` needs a second image. A reference that no mark names is accepted.
    private static func checkMarks(of prompt: String, _ references: [Reference]) throws(KinoraError) {
        for match in prompt.matches(of: /@(image|audio)([0-9]+)/) {
            let family = MediaType.Family(rawValue: String(match.1))
            let given = references.count { $0.family == family }
            guard let number = Int(match.2), (1...max(given, 1)).contains(number), given > 0 else {
                throw KinoraError(
                    .invalidValue,
                    "The prompt names @\(match.1)\(match.2), but \(given) "
                        + "\(match.1)\(given == 1 ? " was" : "s were") given.", field: "prompt")
            }
        }
    }
}
