internal import Core

/// Kling, below `/kling`: both generations of its routes. API keys that begin with `api-key-kling-sandbox`
/// are good, and tokens of access keys `ak-sandbox…`, whose secret key is `sk-sandbox…` with the same end.
/// Voices, elements, masks and moves of the camera do not exist here, and nobody is called back.
struct KlingSandbox: SandboxVendor {
    let name = "kling"

    private static let goodKey = "api-key-kling-sandbox"
    private static let unitsPerTask = 10

    /// A number of its own.
    func newTaskID() -> String {
        String(UInt64.random(in: 700_000_000_000_000_000...899_999_999_999_999_999))
    }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let words = head.authorization.revealed().split(separator: " ")
        guard !words.isEmpty else { throw KinoraError(.missingKey) }
        guard words.count == 2, words[0] == "Bearer" else { throw KinoraError(.invalidKey) }
        if words[1].hasPrefix(Self.goodKey) { return String(words[1]) }
        guard let token = WebToken(words[1]), let id = token.claims["iss"]?.stringValue,
            id.hasPrefix("ak-sandbox"), token.isSigned(with: "sk-\(id.dropFirst(3))"),
            let end = token.claims["exp"]?.integerValue, let start = token.claims["nbf"]?.integerValue
        else { throw KinoraError(.invalidKey) }
        guard start <= now.seconds else { throw KinoraError(.invalidSignature) }
        guard now.seconds < end else { throw KinoraError(.expiredKey) }
        return id
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        let path = request.segments
        let method = request.head.method == .head ? .get : request.head.method
        switch (method, path.first, path.count) {
        case (.post, "v1", 3): return .submit(try KlingRequest(request).draft(section: path[1...]))
        case (.get, "v1", 4): return .poll(path[3], in: "\(path[1])/\(path[2])")
        case (.get, "v1", 3): return .numberedPage(try page(request.query, "\(path[1])/\(path[2])"))
        case (.get, "account", 2) where path[1] == "costs":
            guard let start = request.query["start_time"].flatMap({ Int64($0) }),
                let end = request.query["end_time"].flatMap({ Int64($0) }), start <= end
            else { throw KinoraError(.invalidValue, "start_time and end_time must be times") }
            return .credit(.subscription)
        case (.post, "text-to-video", 2), (.post, "image-to-video", 2), (.post, "omni-video", 2):
            try checkKeyKind(request.head)
            return .submit(try KlingRequest(request).newerDraft(path[0], model: path[1]))
        case (.get, "tasks", 1):
            try checkKeyKind(request.head)
            guard let id = request.query["task_ids"] ?? request.query["external_task_ids"],
                !id.contains(",")
            else { throw KinoraError(.invalidValue, "one id is needed here") }
            return .poll(id, in: KlingRequest.newer)
        default: throw KinoraError(.routeNotFound)
        }
    }

    /// The newer routes take no tokens.
    private func checkKeyKind(_ head: RequestHead) throws(KinoraError) {
        guard head.authorization.revealed().contains(Self.goodKey) else { throw KinoraError(.forbidden) }
    }

    private func page(_ query: Query, _ section: String) throws(KinoraError) -> NumberedPage {
        guard KlingRequest.sections.contains(section) else { throw KinoraError(.routeNotFound) }
        guard let number = Int(query["pageNum"] ?? "1"), (1...1000).contains(number),
            let size = Int(query["pageSize"] ?? "30"), (1...500).contains(size)
        else { throw KinoraError(.invalidValue, "pageNum or pageSize is out of its bounds") }
        return NumberedPage(number: number, size: size) { $0.draft.section == section }
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view): return said(object(view))
        case .page(let views, _, _): return said(.array(views.map(older)))
        case .credit(_, let limit, let used):
            let left = limit.map { max(0, Int((($0 - used) / SandboxSettings.dollarsPerTask).rounded())) }
            let units = (left ?? 20_000) * Self.unitsPerTask
            func pack(_ name: String, _ units: Int, _ status: String) -> JSON {
                [
                    "resource_pack_name": JSON(name), "resource_pack_id": JSON(name),
                    "resource_pack_type": "decreasing_total", "total_quantity": 200_000,
                    "remaining_quantity": JSON(units), "purchase_time": 0, "effective_time": 0,
                    "invalid_time": 4_102_444_800_000, "status": JSON(status),
                ]
            }
            return said([
                "code": 0, "msg": "success",
                "resource_pack_subscribe_infos": [
                    pack("current", units, units > 0 ? "online" : "runOut"),
                    pack("last year's", 70, "expired"),
                ],
            ])
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    private func said(_ data: JSON) -> Response {
        .json([
            "code": 0, "message": "SUCCEED", "request_id": JSON(TaskID.random().description), "data": data,
        ])
    }

    /// A submit is told what a task looks like; a poll of the newer routes, a list of them.
    private func object(_ view: TaskView) -> JSON {
        guard view.draft.section == KlingRequest.newer else { return older(view) }
        return view.isNew ? newer(view) : [newer(view)]
    }

    private func time(_ time: Timestamp) -> JSON { .integer(time.microseconds / 1000) }

    private func links(_ view: TaskView) -> [String] {
        guard let film = view.film, let end = view.completedAt else { return [] }
        let files =
            view.draft.pictures.map { pictures in
                (0..<pictures.count).map { FilmFile.picture(view.id, $0, pictures.format) }
            } ?? [film]
        return files.map { StoreLink.text(to: $0, of: name, at: view.draft.origin, from: end) }
    }

    private func older(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "pondering"
            case .queued: "submitted"
            case .inProgress: "processing"
            case .completed: "succeed"
            case .failed, .cancelled: "failed"
            }
        var object: JSONObject = [
            "task_id": JSON(view.id), "task_status": JSON(word),
            "task_status_msg": JSON(view.failure?.message ?? ""),
            "task_info": ["external_task_id": JSON(view.draft.alias)],
            "created_at": time(view.createdAt), "updated_at": time(view.completedAt ?? view.createdAt),
        ]
        let links = links(view)
        guard !links.isEmpty else { return .object(object) }
        if view.draft.pictures != nil {
            let images = links.enumerated().map {
                ["index": JSON($0.offset), "url": JSON($0.element)] as JSON
            }
            object["task_result"] = ["images": .array(images)]
        } else {
            let video: JSON = [
                "id": JSON("\(view.id)-1"), "url": JSON(links[0]),
                "duration": JSON("\(view.draft.seconds).1"),
            ]
            object["task_result"] = ["videos": [video]]
        }
        object["final_unit_deduction"] = JSON("\(Self.unitsPerTask)")
        return .object(object)
    }

    private func newer(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "pondering"
            case .queued: "submitted"
            case .inProgress: "processing"
            case .completed: "succeeded"
            case .failed, .cancelled: "failed"
            }
        let outputs = links(view).map { link -> JSON in
            [
                "type": "video", "id": JSON("\(view.id)-1"), "url": JSON(link),
                "duration": JSON("\(view.draft.seconds)"),
            ]
        }
        return [
            "id": JSON(view.id), "external_id": JSON(view.draft.alias), "status": JSON(word),
            "message": JSON(view.failure?.message ?? ""), "create_time": time(view.createdAt),
            "update_time": time(view.completedAt ?? view.createdAt), "outputs": .array(outputs),
            "billing": [],
        ]
    }

    func answer(_ error: KinoraError) -> Response {
        // What the newer routes do not know is not in their list.
        if error.code == .taskNotFound, error.field == KlingRequest.newer { return said([]) }
        let (status, code, message): (Int, Int, String) =
            switch error.code {
            case .missingKey: (401, 1001, "Authorization is empty")
            case .invalidKey: (401, 1002, "Authorization is invalid")
            case .invalidSignature: (401, 1003, "Authorization is not yet valid")
            case .expiredKey: (401, 1004, "Authorization has expired")
            case .forbidden: (401, 1000, "Authentication failed")
            case .upstreamRate: (429, 1302, "request too fast")
            case .upstreamConcurrency: (429, 1303, "parallel task over resource pack limit")
            case .upstreamMoney: (429, 1102, "resource pack is used up or expired")
            case .shuttingDown: (503, 5001, "service temporarily unavailable")
            case .upstreamServer, .internalFault, .storageFailed: (500, 5000, "internal error")
            case .contentRefused: (400, 1301, "content violates the policy")
            case .modelNotFound: (403, 1103, error.message)
            case .upstreamModelClosed: (403, 1103, "the account may not use the model")
            case .taskNotFound: (404, 1203, "task not found")
            case .routeNotFound: (404, 1202, "no such method")
            case .contentNotFound: (403, 1203, "the request has expired")
            case .alreadyExists: (400, 1201, "external_task_id is used")
            case .missingParameter: (400, 1200, error.message)
            default: (400, 1201, error.message)
            }
        let response = Response.json(
            [
                "code": JSON(code), "message": JSON(message),
                "request_id": JSON(TaskID.random().description),
            ], status: status)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
