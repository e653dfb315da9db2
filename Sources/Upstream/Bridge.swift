public import Core

/// The wire format of the bridge (docs/bridge.md). Builds calls and reads replies; never sends.
public struct Bridge: Sendable {
    private let account: VendorAccount

    /// Throws `configuration` for an address that would let the key travel unencrypted, or is none.
    public init(url: String, key: Secret) throws(KinoraError) {
        guard WebAddress.isWeb(url), !url.contains("?"), !url.contains("#") else {
            throw KinoraError(.configuration, "KINORA_BRIDGE_URL must be an http or https address.")
        }
        guard WebAddress.isPrivate(url) else {
            throw KinoraError(
                .configuration, "KINORA_BRIDGE_URL must be https, or lead to this machine: 127.0.0.1, [::1].")
        }
        account = VendorAccount(row: 0, baseURL: url, credential: key)
    }

    /// Whom the transport calls.
    public var peer: VendorAccount { account }

    private static let version: JSON = 1

    private func call(
        _ operation: String, _ arguments: JSONObject = [:], of accounts: JSONObject = [:],
        asked id: TaskID = .random()
    ) -> HTTPCall {
        var body: JSONObject = ["request_id": .string(id.description)]
        for (name, value) in accounts.members { body[name] = value }
        body["arguments"] = .object(arguments)
        return HTTPCall(
            .post, account.url("/v1/\(operation)"),
            headers: [
                ("Authorization", Secret("Bearer \(account.credential.revealed())")),
                ("Accept", Secret("application/json")),
            ], body: .json(.object(body)), timeoutSeconds: Limits.bridgeSecondsMax)
    }

    private static func json(_ account: BridgeAccount) -> JSON {
        ["id": .integer(account.row), "vendor": .string(account.vendor), "name": .string(account.name)]
    }

    // Who is there

    public func hello() -> HTTPCall { call("hello") }

    /// Throws when whoever answered is no bridge of this version.
    public func checkHello(_ reply: HTTPReply) throws(KinoraError) {
        let result = try Self.result(reply, missing: .upstreamProtocol)
        guard result["protocol"] == "kinora-bridge", result["version"] == Self.version else {
            throw KinoraError(.upstreamProtocol, detail: "no bridge of version 1: \(reply.excerpt)")
        }
    }

    // Questions

    /// `accounts`: the one that is meant, or those of which one is to be chosen.
    public func call(_ question: BridgeQuestion, of accounts: [BridgeAccount]) -> HTTPCall {
        let those: JSONObject =
            if case .inviteCode = question {
                ["accounts": .array(accounts.map(Self.json))]
            } else {
                ["account": accounts.first.map(Self.json) ?? .null]
            }
        let (operation, arguments) = Self.operation(question)
        return call(operation, arguments, of: those)
    }

    private static func operation(_ question: BridgeQuestion) -> (String, JSONObject) {
        func page(_ page: FeedPage) -> JSONObject {
            ["limit": JSON(page.limit), "cursor": JSON(page.cursor)]
        }
        switch question {
        case .inviteCode: return ("invite-code", [:])
        case .profile(let username): return ("profile", ["username": .string(username)])
        case .userFeed(let userID, let feed):
            return ("user-feed", JSONObject([("user_id", .string(userID))] + page(feed).members))
        case .search(let search):
            return (
                "search",
                [
                    "username": .string(search.username), "intent": .string(search.intent),
                    "limit": JSON(search.limit),
                ]
            )
        case .feed(let cut, let feed):
            return ("feed", JSONObject([("cut", .string(cut))] + page(feed).members))
        case .enhance(let wish):
            return (
                "enhance-prompt",
                [
                    "prompt": .string(wish.prompt), "expansion_level": .string(wish.level),
                    "duration_s": wish.seconds.map { JSON($0) } ?? .null,
                ]
            )
        case .pendingTasks(let list): return ("pending-tasks", ["list": JSON(list)])
        case .pendingTask(let id): return ("pending-task", ["task_id": .string(id)])
        case .ownFeed(let limit): return ("own-feed", ["limit": JSON(limit)])
        }
    }

    public func answer(
        _ reply: HTTPReply, to question: BridgeQuestion
    ) throws(KinoraError) -> BridgeAnswer {
        let result = try Self.result(reply, missing: Self.missing(question))
        let answer: BridgeAnswer? =
            switch question {
            case .inviteCode: Self.invite(result["invite"])
            case .profile: result["profile"]?.objectValue.map { .profile($0) }
            case .userFeed(_, let page), .feed(_, let page): Self.page(result, most: page.limit)
            case .ownFeed(let limit): Self.page(result, most: limit)
            case .search(let search): Self.objects(result["results"], most: search.limit).map { .people($0) }
            case .enhance: result["prompt"]?.stringValue.map { .prompt($0) }
            case .pendingTasks: Self.objects(result["tasks"]).map { .tasks($0) }
            case .pendingTask: result["task"]?.objectValue.map { .task($0) }
            }
        guard let answer else {
            throw KinoraError(
                .upstreamProtocol, detail: "the bridge's result lacks something: \(reply.excerpt)")
        }
        return answer
    }

    /// What it means that the bridge does not find it.
    private static func missing(_ question: BridgeQuestion) -> ErrorCode {
        switch question {
        case .profile, .userFeed: .profileNotFound
        case .pendingTask: .taskNotFound
        case .inviteCode, .search, .feed, .enhance, .pendingTasks, .ownFeed: .accountNotFound
        }
    }

    private static func invite(_ json: JSON?) -> BridgeAnswer? {
        guard let json else { return nil }
        if json.isNull { return .invite(nil) }
        guard let code = json["code"]?.stringValue, let remaining = json["remaining"]?.integerValue,
            let total = json["total"]?.integerValue
        else { return nil }
        return .invite(
            Invite(code: code, remaining: remaining, total: total, email: json["email"]?.stringValue))
    }

    private static func page(_ result: JSONObject, most: Int) -> BridgeAnswer? {
        guard let items = objects(result["items"], most: most), let cursor = result["cursor"],
            cursor.isNull || cursor.stringValue != nil
        else { return nil }
        return .page(items, cursor: cursor.stringValue)
    }

    private static func objects(_ json: JSON?, most: Int = .max) -> [JSON]? {
        guard let items = json?.arrayValue, items.allSatisfy({ $0.objectValue != nil }) else { return nil }
        return Array(items.prefix(most))
    }

    // Characters

    /// Asks for a character of a video. With the same `id` it is the same one.
    public func creation(
        of draft: CameoDraft, asked id: TaskID, of account: BridgeAccount,
        video: (path: String, type: MediaType)
    ) -> HTTPCall {
        // Nobody can know it before, so nothing that a client wrote has it.
        let mark = "kinora-file-\(TaskID.random().description)."
        var call = call(
            "create-character",
            [
                "video": .string(mark), "timestamps": .string(draft.timestamps),
                "username": JSON(draft.username), "display_name": JSON(draft.displayName),
                "instruction_set": JSON(draft.instructionSet),
                "safety_instruction_set": JSON(draft.safetyInstructionSet),
            ], of: ["account": Self.json(account)], asked: id)
        if case .json(let json) = call.body {
            let file = HTTPCall.InlineFile(mark: mark, path: video.path, type: video.type)
            call.body = .jsonWithFiles(json, [file])
        }
        call.timeoutSeconds = Limits.bridgeCreationSecondsMax
        call.isRepeatable = false
        return call
    }

    public func created(_ reply: HTTPReply) throws(KinoraError) -> MadeCameo {
        let character = try Self.result(reply, missing: .accountNotFound)["character"]
        func text(_ name: String) -> String? {
            character?[name]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let id = text("cameo_id"), id.utf8.count <= 256, let username = text("username") else {
            throw KinoraError(
                .upstreamProtocol, detail: "the bridge's character lacks something: \(reply.excerpt)")
        }
        return MadeCameo(
            cameoID: id, characterID: text("character_id"), username: username,
            displayName: text("display_name") ?? username, profileURL: text("profile_url"))
    }

    // Replies

    /// The member `result` of a good reply. Throws what a bad one refuses the call with.
    private static func result(
        _ reply: HTTPReply, missing: ErrorCode
    ) throws(KinoraError) -> JSONObject {
        let json = try? JSONParser.parse(reply.body)
        guard (200..<300).contains(reply.status) else { throw error(reply, json, missing) }
        guard let result = json?["result"]?.objectValue else {
            throw KinoraError(.upstreamProtocol, detail: "the bridge gave no result: \(reply.excerpt)")
        }
        return result
    }

    private static let codes: [String: ErrorCode] = [
        "unauthorized": .upstreamCredential, "account_unknown": .accountNotFound,
        "account_refused": .upstreamCredential, "account_exhausted": .upstreamMoney,
        "rate_limited": .upstreamRate, "busy": .upstreamConcurrency, "content_refused": .contentRefused,
        "invalid_argument": .upstreamRequest, "taken": .alreadyExists, "unsupported": .notSupported,
        "failed": .upstreamServer,
    ]

    private static func error(_ reply: HTTPReply, _ json: JSON?, _ missing: ErrorCode) -> KinoraError {
        let word = json?["error"]?["code"]?.stringValue
        let code: ErrorCode =
            switch (word.flatMap { $0 == "not_found" ? missing : codes[$0] }, reply.status) {
            case (let known?, _): known
            case (nil, 401), (nil, 403): .upstreamCredential
            case (nil, 429): .upstreamRate
            case (nil, 500...): .upstreamServer
            default: .upstreamProtocol
            }
        let words: String? =
            switch (code, word) {
            case (.notSupported, _): "The bridge of this instance cannot do that."
            case (.upstreamCredential, nil), (.upstreamCredential, "unauthorized"):
                "The bridge refused its key."
            default: nil
            }
        return KinoraError(
            code, words, retryAfterSeconds: reply.retryAfterSeconds, detail: "the bridge: \(reply.excerpt)")
    }
}
