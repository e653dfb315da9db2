public import Core

extension OpenAIVideos {
    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        switch match.route {
        case Self.create: return .submit(try submission(request, of: match.mount))
        case Self.remix:
            let source = try Self.reference(match.values[0])
            return .submit(try submission(request, of: match.mount, remixOf: source))
        case Self.quota: return .quota
        case Self.redemption: return .redeem(try Self.code(Fields(request.body)))
        case Self.list: return .tasks(try Self.page(request.path.query))
        case Self.retrieve: return try retrieval(request, match)
        case Self.content:
            try Self.checkVariant(request.path.query)
            return .content(try Self.reference(match.values[0]))
        case Self.remove: return .delete(try Self.reference(match.values[0]))
        case Self.models: return .models(try ModelFilter(request.path.query, family: match.mount))
        case Self.model: return .model(match.values[0], family: match.mount)
        case Self.media:
            let query = request.path.query
            return .signedMedia(
                name: match.values[0], expires: query["expires"] ?? "", signature: query["signature"] ?? "")
        default: return .health
        }
    }

    private static func reference(_ id: String, field: String? = nil) throws(KinoraError) -> TaskReference {
        guard let reference = TaskReference(id) else { throw KinoraError(.taskNotFound, field: field) }
        return reference
    }

    /// `?wait=N` waits for the end and answers with the task, whatever it is; `?await=N` is the second half
    /// of a synchronous submit and answers with its result.
    private func retrieval(_ request: Request, _ match: RouteMatch) throws(KinoraError) -> Command {
        let reference = try Self.reference(match.values[0])
        let seconds = 0...Limits.syncWaitSecondsMax
        if let wait = try request.path.query.integer("await", in: seconds) {
            return .awaitResult(reference, waitSeconds: wait)
        }
        let wait =
            try request.path.query.integer("wait", in: seconds) ?? request.head.preferredWaitSeconds ?? 0
        return .task(reference, waitSeconds: wait)
    }

    private static func page(_ query: Query) throws(KinoraError) -> TaskPage {
        var page = TaskPage(kind: .video, limit: try query.integer("limit", in: 0...100) ?? 20, order: .desc)
        if let order = query["order"] {
            guard let known = TaskPage.Order(rawValue: order) else {
                throw KinoraError(.invalidValue, "'order' must be asc or desc.", field: "order")
            }
            page.order = known
        }
        if let after = query["after"] { page.after = try reference(after, field: "after") }
        return page
    }

    private static func checkVariant(_ query: Query) throws(KinoraError) {
        switch query["variant"] {
        case nil, "video": return
        case "thumbnail", "spritesheet":
            throw KinoraError(.contentNotFound, "This variant is not available.", field: "variant")
        default:
            throw KinoraError(
                .invalidValue, "'variant' must be video, thumbnail or spritesheet.", field: "variant")
        }
    }

    private static func code(_ fields: Fields) throws(KinoraError) -> String {
        guard let code = try fields.string("code") else {
            throw KinoraError(.missingParameter, "code is required", field: "code")
        }
        return code
    }

    private func submission(
        _ request: Request, of family: String?, remixOf: TaskReference? = nil
    ) throws(KinoraError) -> Submission {
        let fields = try Fields(request.body)
        var source = remixOf
        if source == nil, let target = try fields.string("remix_target_id") {
            source = try Self.reference(target, field: "remix_target_id")
        }
        var submission = Submission(
            dialect: name, model: try Self.model(fields, of: family, isRemix: source != nil), kind: .video,
            prompt: try fields.string("prompt") ?? "", parameters: try Self.parameters(fields),
            references: try Self.references(fields), remixOf: source)
        submission.family = family
        submission.pictureFields = ["input_reference"]
        submission.takePreferences(of: request)
        submission.userIdentifier = try fields.identifier("user_identifier")
        let isSync = try fields.bool("async_mode") == false
        if isSync, submission.waitSeconds == nil, !request.head.prefersAsync {
            submission.waitSeconds = Limits.syncWaitSecondsMax
        }
        return submission
    }

    private static let aliases = [
        "sora": "sora-2", "sora2": "sora-2", "sora2-pro": "sora-2-pro", "sora2pro": "sora-2-pro",
    ]

    /// The model's id; nil lets a remix take its source's, and another family its usual one.
    private static func model(
        _ fields: Fields, of family: String?, isRemix: Bool
    ) throws(KinoraError) -> String? {
        guard let model = try fields.string("model") else {
            return isRemix || ![nil, "sora"].contains(family) ? nil : "sora-2"
        }
        return aliases[model] ?? model
    }

    private static func parameters(_ fields: Fields) throws(KinoraError) -> [GivenParameter] {
        var given: [GivenParameter] = []
        if let seconds = try fields.integerOrText("seconds") {
            given.append(.init(name: "seconds", value: seconds))
        }
        if let size = try fields.string("size") {
            given.append(.init(name: "size", value: .string(size)))
        } else if let orientation = try fields.string("orientation") {
            let sizes = ["landscape": "1280x720", "portrait": "720x1280"]
            guard let size = sizes[orientation.lowercased()] else {
                throw KinoraError(
                    .invalidValue, "'orientation' must be landscape or portrait.", field: "orientation")
            }
            given.append(.init(name: "size", field: "orientation", value: .string(size)))
        }
        if let style = try fields.string("style_id") {
            given.append(.init(name: "style", field: "style_id", value: .string(style.lowercased())))
        }
        if let isOffPeak = try fields.bool(Parameters.offPeak) {
            given.append(.init(name: Parameters.offPeak, value: .bool(isOffPeak)))
        }
        return given
    }

    /// `input_reference` wins over `input_image`. A file in a form; in JSON base64, a data URL, an address or
    /// OpenAI's object.
    private static func references(_ fields: Fields) throws(KinoraError) -> [Reference] {
        for name in ["input_reference", "input_image"] {
            switch try fields.medium(name) {
            case .file(let file): return [Reference(.uploaded(file), field: name, family: .image)]
            case .value(let value): return [Reference(try image(value, name), field: name, family: .image)]
            case nil: continue
            }
        }
        return []
    }

    private static func image(_ value: JSON, _ field: String) throws(KinoraError) -> Reference.Source {
        switch value {
        case .string(let text): return try Reference.Source(text, field: field)
        case .object(let object):
            guard object["file_id"] ?? .null == .null else {
                throw KinoraError(
                    .invalidValue, "'\(field).file_id' is not supported: send the image itself.", field: field
                )
            }
            guard let url = object["image_url"]?.stringValue else {
                throw KinoraError(
                    .invalidValue, "'\(field).image_url' must be an address or a data URL.", field: field)
            }
            return try Reference.Source(url, field: field)
        default:
            throw KinoraError(
                .invalidValue,
                "'\(field)' must be a file, base64 text, a data URL or an address, not \(value.kindName).",
                field: field)
        }
    }
}
