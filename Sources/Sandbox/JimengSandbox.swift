internal import Core

/// Jimeng as Volcengine's visual service has it, below `/jimeng`: two actions, both with bodies of JSON and
/// with signatures, which are checked. Access keys `AKSANDBOX…` are good, whose secret key is `SKSANDBOX…`
/// with the same end. Pictures come by address only; watermarks do not exist here.
struct JimengSandbox: SandboxVendor {
    let name = "jimeng"
    let signsBodies = true

    /// How long it knows a task.
    private static let memory = Duration.seconds(12 * 3600)
    private static let version = "2022-08-31"

    func newTaskID() -> String {
        String(UInt64.random(in: 7_000_000_000_000_000_000...7_999_999_999_999_999_999))
    }

    func key(of head: RequestHead, at now: Timestamp) throws(KinoraError) -> String {
        if try StoreLink.isOne(head, of: name) { return "" }
        let signature = try VolcengineSignature(head)
        guard signature.accessKey.hasPrefix("AKSANDBOX") else { throw KinoraError(.invalidKey) }
        try signature.checkTime(head, now: now)
        return signature.accessKey
    }

    // MARK: requests

    func order(_ request: VendorRequest) throws(KinoraError) -> Order {
        if let order = try StoreLink.order(request) { return order }
        guard case .raw(let bytes) = request.body else { throw KinoraError(.malformedRequest) }
        let signature = try VolcengineSignature(request.head)
        try signature.check(request.head, bytes, secret: "SK\(signature.accessKey.dropFirst(2))")
        guard request.head.method == .post, request.segments.isEmpty,
            request.query["Version"] == Self.version
        else { throw KinoraError(.routeNotFound) }
        let fields = try VendorFields(try JSONParser.parse(bytes), at: "")
        let key = try fields.required("req_key")
        switch request.query["Action"] {
        case "CVSync2AsyncSubmitTask":
            guard let service = JimengService.all[key] else {
                throw KinoraError(.modelNotFound, "req_key \(key) is unknown", field: "req_key")
            }
            var draft = try service.draft(fields, key)
            draft.section = key
            draft.origin = StoreLink.origin(of: request.head)
            return .submit(draft)
        case "CVSync2AsyncGetResult":
            try fields.check(known: ["req_key", "task_id", "req_json"])
            let wishes = try JSONParser.parse(Array((try fields.text("req_json") ?? "{}").utf8))
            guard wishes["return_url"] == true else {
                throw fields.bad("req_json", "must ask for an address")
            }
            return .poll(try fields.required("task_id"), in: key)
        default: throw KinoraError(.routeNotFound)
        }
    }

    // MARK: answers

    func answer(_ served: Served) -> Response {
        switch served {
        case .task(let view):
            if view.isNew { return said(["task_id": JSON(view.id)]) }
            guard view.failure == nil else { return refused(500, 50500, "Internal Error", status: "done") }
            return said(object(view))
        case .content(let file, let type): return StoreLink.answer(file, type)
        case .fixed(let response): return response
        default: return Response(status: 500)
        }
    }

    private func said(_ data: JSON) -> Response {
        .json([
            "code": 10_000, "data": data, "message": "Success", "status": 10_000,
            "request_id": JSON(TaskID.random().description), "time_elapsed": "9.5ms",
        ])
    }

    /// What has ended badly says so in the envelope.
    private func refused(_ http: Int, _ code: Int, _ message: String, status: String? = nil) -> Response {
        .json(
            [
                "code": JSON(code), "data": status.map { ["status": JSON($0)] } ?? .null,
                "message": JSON(message), "status": JSON(code),
                "request_id": JSON(TaskID.random().description), "time_elapsed": "9.5ms",
            ], status: http)
    }

    private func object(_ view: TaskView) -> JSON {
        let word =
            switch view.status {
            case _ where view.hasUnknownStatus: "pondering"
            case _ where view.age > Self.memory: "expired"
            case .queued: "in_queue"
            case .inProgress: "generating"
            case .completed, .failed, .cancelled: "done"
            }
        var object: JSONObject = [
            "status": JSON(word), "video_url": "", "image_urls": .null, "binary_data_base64": [],
        ]
        guard word == "done", let film = view.film, let end = view.completedAt else { return .object(object) }
        func link(_ file: String) -> JSON {
            JSON(StoreLink.text(to: file, of: name, at: view.draft.origin, from: end))
        }
        if let pictures = view.draft.pictures {
            object["image_urls"] = .array(
                (0..<pictures.count).map { link(FilmFile.picture(view.id, $0, pictures.format)) })
        } else {
            object["video_url"] = link(film)
        }
        return .object(object)
    }

    func answer(_ error: KinoraError) -> Response {
        let response = respond(to: error)
        return error.retryAfterSeconds.map { response.adding("Retry-After", String($0)) } ?? response
    }

    private func respond(to error: KinoraError) -> Response {
        switch error.code {
        case .missingKey: gateway(401, 100_006, "MissingSignature")
        case .malformedRequest: gateway(400, 100_008, "InvalidAuthorization")
        case .invalidKey: gateway(401, 100_009, "InvalidAccessKey")
        case .invalidSignature: gateway(401, 100_010, "SignatureDoesNotMatch")
        case .expiredKey: gateway(403, 100_005, "InvalidTimestamp")
        case .routeNotFound: gateway(404, 100_002, "InvalidActionOrVersion")
        // Who has not paid has not the right.
        case .upstreamMoney: gateway(403, 100_013, "AccessDenied")
        case .shuttingDown: gateway(503, 100_014, "ServiceUnavailableTemporarily")
        case .contentNotFound: gateway(403, 100_013, "AccessDenied")
        case .upstreamRate: refused(429, 50429, "Request Has Reached API Limit, Please Try Later")
        case .upstreamConcurrency:
            refused(429, 50430, "Request Has Reached API Concurrent Limit, Please Try Later")
        case .contentRefused: refused(400, 50412, "Text Risk Not Pass")
        case .taskNotFound: said(["status": "not_found"])
        case .upstreamServer, .internalFault, .storageFailed: refused(500, 50500, "Internal Error")
        default: refused(400, 50207, error.message)
        }
    }

    private func gateway(_ status: Int, _ number: Int, _ code: String) -> Response {
        .json(
            [
                "ResponseMetadata": [
                    "RequestId": JSON(TaskID.random().description), "Action": "",
                    "Version": JSON(Self.version),
                    "Service": "cv", "Region": "cn-north-1",
                    "Error": [
                        "CodeN": JSON(number), "Code": JSON(code), "Message": "The request was refused.",
                    ],
                ]
            ], status: status)
    }

    func sealed(_ response: Response, took: Duration) -> Response { response }
}
