public import Core

extension Sora2API {
    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        let query = request.path.query
        switch match.route {
        case Self.pendingTasks: return .ask(.pendingTasks(list: 1), account: try Self.account(match))
        case Self.pendingTasks2: return .ask(.pendingTasks(list: 2), account: try Self.account(match))
        case Self.pendingTask:
            let id = try Self.name(match.values[1], "task_id")
            return .ask(.pendingTask(id: id), account: try Self.account(match))
        case Self.ownFeed:
            return .ask(.ownFeed(limit: try Self.limit(query)), account: try Self.account(match))
        case Self.inviteCodes: return .ask(.inviteCode, account: nil)
        case Self.create: return .makeCameo(try CameoDraft(request, of: match.mount))
        case Self.characters: return .cameos
        case Self.character: return .cameo(match.values[0])
        case Self.remove: return .deleteCameo(match.values[0])
        case Self.stats: return .callerStats
        default: return .ask(try Self.question(request, match), account: try Self.account(query))
        }
    }

    private static func question(
        _ request: Request, _ match: RouteMatch
    ) throws(KinoraError) -> BridgeQuestion {
        let query = request.path.query
        switch match.route {
        case profile: return .profile(username: try name(match.values[0], "username"))
        case userFeed: return .userFeed(userID: try name(match.values[0], "user_id"), try page(query))
        case search:
            guard let username = query["username"], !username.isEmpty else {
                throw KinoraError(.missingParameter, "username is required", field: "username")
            }
            return .search(
                PeopleSearch(
                    username: try name(username, "username"),
                    intent: try word(query["intent"], "intent", ["users", "cameo"]),
                    limit: try limit(query, usual: 10)))
        case feed:
            return .feed(cut: try word(query["cut"], "cut", ["nf2_latest", "nf2_top"]), try page(query))
        default: return .enhance(try wish(Fields(request.body)))
        }
    }

    private static func wish(_ fields: Fields) throws(KinoraError) -> PromptWish {
        guard let prompt = try fields.string("prompt"), prompt.contains(where: { !$0.isWhitespace }) else {
            throw KinoraError(.missingParameter, "prompt is required", field: "prompt")
        }
        let level = try word(
            try fields.string("expansion_level"), "expansion_level", ["medium", "short", "long"])
        let seconds = try fields.integerOrText("duration_s")
        guard [nil, 10, 15].contains(seconds) else {
            throw KinoraError(.invalidValue, "'duration_s' must be 10 or 15.", field: "duration_s")
        }
        return PromptWish(prompt: prompt, level: level, seconds: seconds?.integerValue.map { Int($0) })
    }

    // Values

    /// The account that an address names.
    private static func account(_ match: RouteMatch) throws(KinoraError) -> Int64 {
        guard let row = Int64(match.values[0]) else { throw notANumber }
        return row
    }

    /// The account that a query names, if it does.
    private static func account(_ query: Query) throws(KinoraError) -> Int64? {
        guard let text = query["token_id"], !text.isEmpty else { return nil }
        guard let row = Int64(text) else { throw notANumber }
        return row
    }

    private static var notANumber: KinoraError {
        KinoraError(.invalidValue, "'token_id' must be a whole number.", field: "token_id")
    }

    private static let limits = 1...100

    private static func limit(_ query: Query, usual: Int = 8) throws(KinoraError) -> Int {
        try query.integer("limit", in: limits) ?? usual
    }

    private static func page(_ query: Query) throws(KinoraError) -> FeedPage {
        let cursor = query["cursor"].flatMap { $0.isEmpty ? nil : $0 }
        guard cursor?.utf8.count ?? 0 <= Limits.cursorBytesMax else {
            throw KinoraError(.invalidValue, "'cursor' is too long.", field: "cursor")
        }
        return FeedPage(limit: try limit(query), cursor: cursor)
    }

    private static func name(_ text: String, _ field: String) throws(KinoraError) -> String {
        try text.checkLength(max: Limits.nameCharactersMax, field: field)
        return text
    }

    /// One of some words; without any the first of them.
    private static func word(
        _ text: String?, _ field: String, _ known: [String]
    ) throws(KinoraError) -> String {
        guard let text, !text.isEmpty else { return known[0] }
        guard known.contains(text) else {
            throw KinoraError(
                .invalidValue, "'\(field)' must be one of: \(known.joined(separator: ", ")).", field: field)
        }
        return text
    }
}
