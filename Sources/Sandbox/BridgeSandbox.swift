internal import Core

/// A bridge, as docs/bridge.md describes it, to a site that does not exist. Keys that begin with
/// `bridge-sandbox` are good. It knows every account but the one called `unknown`, everybody but `nobody`,
/// and of each account two tasks that never end.
struct BridgeSandbox: SandboxVendor {
    let name = "bridge"

    func newTaskID() -> String { TaskID.random().description }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        let words = head.authorization.revealed().split(separator: " ")
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.missingKey) }
        guard words[1].hasPrefix("bridge-sandbox") else { throw KinoraError(.invalidKey) }
        return String(words[1])
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        guard request.head.method == .post, request.segments.count == 2, request.segments[0] == "v1" else {
            throw KinoraError(.routeNotFound)
        }
        let call = try VendorFields(request)
        guard TaskID(uuid: try call.required("request_id")) != nil else {
            throw call.bad("request_id", "must be a uuid")
        }
        guard let arguments = try call.fields("arguments") else { throw call.bad("arguments", "is missing") }
        let operation = request.segments[1]
        switch operation {
        case "hello": return Self.result(["protocol": "kinora-bridge", "version": 1])
        case "invite-code": return Self.result(["invite": try invite(call)])
        default: break
        }
        try checkAccount(call.fields("account"))
        if operation == "create-character" {
            let id = try call.required("request_id")
            return .once(id, .json(["result": ["character": try character(arguments, id)]]))
        }
        guard let result = try result(of: operation, arguments) else {
            throw KinoraError(.notSupported, "There is no operation \(operation).")
        }
        return Self.result(result)
    }

    private static func result(_ result: JSON) -> Order { .fixed(.json(["result": result])) }

    private func checkAccount(_ account: VendorFields?) throws(KinoraError) {
        guard let account, try account.integer("id", 1...Int64.max) != nil else {
            throw KinoraError(.invalidValue, "account is missing.")
        }
        _ = try account.required("vendor")
        guard try account.required("name") != "unknown" else { throw KinoraError(.accountNotFound) }
    }

    /// Every account has ten codes, of which it has given away as many as its number says.
    private func invite(_ call: VendorFields) throws(KinoraError) -> JSON {
        for item in try call.list("accounts") ?? [] {
            let account = try VendorFields(item, at: "accounts")
            try checkAccount(account)
            guard let id = try account.integer("id", 1...Int64.max), id < 10 else { continue }
            return [
                "code": .string("SBX\(100 + id)"), "remaining": JSON(10 - id), "total": 10,
                "email": .string("\(try account.required("name"))@sandbox.example"),
            ]
        }
        return .null
    }

    private func result(
        of operation: String, _ arguments: VendorFields
    ) throws(KinoraError) -> JSON? {
        switch operation {
        case "profile": return ["profile": try person(try arguments.required("username"))]
        case "user-feed":
            let id = try arguments.required("user_id")
            return try page(arguments, by: try person(String(id.trimmingPrefix("user-"))))
        case "own-feed": return try page(arguments, by: try person("sandbox"))
        case "feed":
            guard try arguments.choice("cut", ["nf2_latest", "nf2_top"]) != nil else {
                throw arguments.bad("cut", "is missing")
            }
            return try page(arguments, by: try person("sandbox"))
        case "search": return ["results": .array(try found(arguments))]
        case "enhance-prompt": return ["prompt": .string(try enhanced(arguments))]
        case "pending-tasks":
            guard try arguments.integer("list", 1...2) != nil else {
                throw arguments.bad("list", "is missing")
            }
            return ["tasks": .array(Self.tasks)]
        case "pending-task":
            let id = try arguments.required("task_id")
            guard let task = Self.tasks.first(where: { $0["id"]?.stringValue == id }) else {
                throw KinoraError(.taskNotFound)
            }
            return ["task": task]
        default: return nil
        }
    }

    // MARK: the site

    /// The username `taken` is.
    private func character(_ arguments: VendorFields, _ id: String) throws(KinoraError) -> JSON {
        let bytes = try arguments.data(
            try arguments.required("video"), of: "video", family: "video", bytesMax: 15 << 20)
        guard let bytes, MediaType(sniffing: bytes)?.family == .video else {
            throw arguments.bad("video", "is no video")
        }
        guard try arguments.required("timestamps").wholeMatch(of: /[0-9.]+,[0-9.]+/) != nil else {
            throw arguments.bad("timestamps", "must be like 0,3")
        }
        for name in ["instruction_set", "safety_instruction_set"] { _ = try arguments.text(name) }
        let short = id.replacing("-", with: "").prefix(12)
        let username = try arguments.text("username") ?? "sandbox_\(short.prefix(6))"
        guard username != "taken" else { throw KinoraError(.alreadyExists) }
        return [
            "cameo_id": .string("ch_\(short)"), "character_id": .string("character_\(short)"),
            "username": .string(username),
            "display_name": .string(try arguments.text("display_name") ?? username),
            "profile_url": .string("https://sandbox.example/\(username).webp"),
        ]
    }

    private func person(_ username: String) throws(KinoraError) -> JSON {
        guard username != "nobody" else { throw KinoraError(.profileNotFound) }
        return [
            "user_id": .string("user-\(username)"), "username": .string(username),
            "display_name": .string(username), "profile_picture_url": .null,
            "permalink": .string("https://sandbox.example/\(username)"), "follower_count": 100,
            "verified": false,
        ]
    }

    /// There are 25 posts in every feed; a cursor is the number of those before.
    private func page(_ arguments: VendorFields, by author: JSON) throws(KinoraError) -> JSON {
        guard let limit = try arguments.integer("limit", 1...100) else {
            throw arguments.bad("limit", "is missing")
        }
        let cursor = try arguments.text("cursor")
        guard let start = cursor.map({ Int($0) }) ?? 0, (0...25).contains(start) else {
            throw arguments.bad("cursor", "is none of mine")
        }
        let end = min(start + limit, 25)
        return [
            "items": .array((start..<end).map { post($0, by: author) }),
            "cursor": end < 25 ? .string(String(end)) : .null,
        ]
    }

    private func post(_ number: Int, by author: JSON) -> JSON {
        let link = "https://sandbox.example/post-\(number)"
        return [
            "id": .string("post-\(number)"), "text": .string("SANDBOX: a quiet harbour, \(number)"),
            "permalink": .string(link), "preview_image_url": .string(link + ".webp"),
            "posted_at": "2026-01-01T00:00:00Z", "like_count": JSON(100 - number), "view_count": 1000,
            "remix_count": 5,
            "attachment": [
                "kind": "video", "url": .string(link + ".mp4"), "downloadable_url": .string(link + ".mp4"),
                "width": 1280, "height": 720, "n_frames": 300, "duration_seconds": .decimal("10.0"),
                "thumbnail_url": .string(link + ".webp"),
            ], "author": author,
        ]
    }

    private func found(_ arguments: VendorFields) throws(KinoraError) -> [JSON] {
        let username = try arguments.required("username")
        guard let intent = try arguments.choice("intent", ["users", "cameo"]),
            let limit = try arguments.integer("limit", 1...100)
        else { throw arguments.bad("intent", "or limit is missing") }
        guard username != "nobody" else { return [] }
        var results: [JSON] = []
        for number in 1...min(limit, 3) {
            guard var somebody = try person("\(username)_\(number)").objectValue else { continue }
            // The last one may not be put into videos.
            guard intent == "users" || number < 3 else { continue }
            somebody["can_cameo"] = .bool(number < 3)
            somebody["token"] = .string("<@ch_\(username)_\(number)>")
            somebody["owner"] =
                number == 1 ? .null : ["user_id": "user-owner", "username": "owner", "display_name": "Owner"]
            results.append(.object(somebody))
        }
        return results
    }

    private func enhanced(_ arguments: VendorFields) throws(KinoraError) -> String {
        let prompt = try arguments.required("prompt")
        let seconds = try arguments.integer("duration_s", 10...10, 15...15)
        let parts = ["PRIMARY: \(prompt)", "SETTING: a harbour at dawn", "LOOK: 35 mm, grain"]
        let length = seconds.map { ["LENGTH: \($0) s"] } ?? []
        switch try arguments.choice("expansion_level", ["short", "medium", "long"]) {
        case "short": return parts[0]
        case "medium": return parts.prefix(2).joined(separator: "\n")
        case "long": return (parts + length).joined(separator: "\n")
        default: throw arguments.bad("expansion_level", "is missing")
        }
    }

    private static let tasks: [JSON] = [
        [
            "id": "task_running", "status": "running", "prompt": "A cat walking", "title": "A cat",
            "progress_pct": .decimal("0.5"), "generations": [],
        ],
        [
            "id": "task_queued", "status": "queued", "prompt": "A dog walking", "title": "A dog",
            "progress_pct": 0, "generations": [],
        ],
    ]

    // MARK: answers

    func answer(_ served: Served) -> Response {
        if case .fixed(let response) = served { return response }
        return Response(status: 500)
    }

    func answer(_ error: KinoraError) -> Response {
        let (status, code) =
            switch error.code {
            case .missingKey, .invalidKey: (401, "unauthorized")
            case .accountNotFound: (404, "account_unknown")
            case .taskNotFound, .profileNotFound, .contentNotFound: (404, "not_found")
            case .upstreamMoney: (402, "account_exhausted")
            case .upstreamRate: (429, "rate_limited")
            case .upstreamConcurrency: (429, "busy")
            case .alreadyExists: (409, "taken")
            case .contentRefused: (400, "content_refused")
            case .routeNotFound, .notSupported: (501, "unsupported")
            case .upstreamServer, .internalFault, .storageFailed, .shuttingDown: (500, "failed")
            default: (400, "invalid_argument")
            }
        let response = Response.json(
            ["error": ["code": .string(code), "message": .string(error.message)]], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
