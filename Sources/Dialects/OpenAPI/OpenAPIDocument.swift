import Core

/// The description of all client APIs by OpenAPI 3.1, made from their routes and from the rows of the models.
/// Source: spec.openapis.org/oas/v3.1.1.
struct OpenAPIDocument {
    let dialects: [any Described]
    let models: [Model]
    let shared = SharedParts("schemas", Shapes.all)
    let sharedReplies = SharedParts("responses")

    /// All but `servers`: how clients reach this instance they say themselves.
    var json: JSON {
        // What they share is gathered on the way.
        let paths = paths
        return [
            "openapi": "3.1.1",
            "info": [
                "title": "Kinora", "version": .string(kinoraVersion),
                "description": .string(Self.introduction.english),
                "x-description-zh": .string(Self.introduction.chinese),
            ],
            "security": [["bearer": []], ["key": []]],
            "tags": .array(dialects.map(tag)),
            "paths": .object(paths),
            "components": [
                "securitySchemes": [
                    "bearer": ["type": "http", "scheme": "bearer"],
                    "key": ["type": "apiKey", "in": "header", "name": "X-API-Key"],
                ],
                "schemas": .object(JSONObject(shared.all)),
                "responses": .object(JSONObject(sharedReplies.all)),
            ],
            "x-models": ModelShapes.catalogue(models),
        ]
    }

    private static let introduction = Words(
        "Images and video by several APIs, over one queue. A task that one of them made can be read by all. "
            + "Every submit heeds an Idempotency-Key (the same key with the same body is the same task) and "
            + "Prefer: wait=SECONDS or respond-async.",
        "用多种 API 生成图像与视频，背后是同一个队列；任何一种 API 提交的任务，其他 API 都能查询。"
            + "所有提交都支持 Idempotency-Key（相同的键加相同的请求体等于同一个任务），"
            + "以及 Prefer: wait=秒数 或 respond-async。")

    private func tag(_ dialect: any Described) -> JSON {
        [
            "name": .string(dialect.name), "description": .string(dialect.summary.english),
            "x-title": .string(dialect.title.english), "x-title-zh": .string(dialect.title.chinese),
            "x-description-zh": .string(dialect.summary.chinese),
        ]
    }

    private var paths: JSONObject {
        var paths: [(name: String, value: JSONObject)] = []
        for dialect in dialects {
            for operation in dialect.operations {
                for mount in dialect.mounts(of: operation.route) {
                    let path = Self.path(of: operation.route, under: mount)
                    let method = operation.route.method.rawValue.lowercased()
                    let entry = object(for: operation, of: dialect, under: mount)
                    if let index = paths.firstIndex(where: { $0.name == path }) {
                        paths[index].value[method] = entry
                    } else {
                        paths.append((path, JSONObject([(name: method, value: entry)])))
                    }
                }
            }
        }
        return JSONObject(paths.map { (name: $0.name, value: .object($0.value)) })
    }

    /// `/v1/videos/{id}` for `/v1/videos/:id`.
    static func path(of route: Route, under mount: String?) -> String {
        let segments = route.pattern.map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : $0 }
        return (([mount].compactMap(\.self) + segments).map { "/" + $0 }).joined()
    }

    private func object(
        for operation: Operation, of dialect: any Described, under mount: String?
    ) -> JSON {
        let route = operation.route
        let segments = ([mount].compactMap(\.self) + route.pattern).map { $0.replacing(":", with: "") }
        var object: JSONObject = [
            "operationId": .string(
                "\(route.method.rawValue.lowercased())_" + segments.joined(separator: "_")),
            "tags": [.string(dialect.name)], "summary": .string(operation.summary.english),
            "x-summary-zh": .string(operation.summary.chinese),
        ]
        if let mount { object["x-mount"] = .string(mount) }
        let parameters = parameters(of: operation)
        if !parameters.isEmpty { object["parameters"] = .array(parameters) }
        if let body = operation.body {
            object["requestBody"] = requestBody(body, route, of: dialect, under: mount)
        }
        object["responses"] = .object(responses(of: operation, dialect))
        if route.access == .open { object["security"] = [] }
        return .object(object)
    }

    private func parameters(of operation: Operation) -> [JSON] {
        let named = operation.route.pattern.filter { $0.hasPrefix(":") }.map { segment -> JSON in
            [
                "name": .string(String(segment.dropFirst())), "in": "path", "required": true,
                "schema": Self.shape(ofSegment: segment),
            ]
        }
        func given(_ fields: [Field], in place: JSON) -> [JSON] {
            fields.map { field in
                [
                    "name": .string(field.name), "in": place, "required": .bool(field.isRequired),
                    "schema": field.schema, "description": .string(field.words.english),
                    "x-description-zh": .string(field.words.chinese),
                ]
            }
        }
        return named + given(operation.query, in: "query") + given(operation.headers, in: "header")
    }

    private static func shape(ofSegment segment: String) -> JSON {
        switch segment {
        case ":token_id": Shapes.row
        case ":username", ":user_id": Shapes.handle
        default: Shapes.name
        }
    }

    private func responses(of operation: Operation, _ dialect: any Described) -> JSONObject {
        var responses = JSONObject()
        for reply in operation.replies { responses[String(reply.status)] = Self.response(reply) }
        var errors = operation.errors.union([500, 503])
        if operation.route.access == .key { errors.formUnion([401, 403, 429]) }
        if operation.body != nil { errors.formUnion([400, 413, 415]) }
        if !operation.query.isEmpty || operation.route.pattern.contains(where: { $0.hasPrefix(":") }) {
            errors.insert(400)
        }
        if operation.isSubmit { errors.formUnion([402, 404, 408, 409, 422, 502, 504]) }
        for status in errors.sorted() where responses[String(status)] == nil {
            let words = Self.words(of: status)
            let error: JSON = [
                "description": .string(words.english), "x-description-zh": .string(words.chinese),
                "content": ["application/json": ["schema": Shapes.reference(to: dialect.errorShape)]],
            ]
            responses[String(status)] = sharedReplies.reference(
                to: error, called: "\(dialect.errorShape).\(status)")
        }
        return responses
    }

    private static func response(_ reply: Reply) -> JSON {
        func json(_ schema: JSON) -> (name: String, value: JSON) { ("application/json", ["schema": schema]) }
        let events: (name: String, value: JSON) = ("text/event-stream", [:])
        let content: [(name: String, value: JSON)] =
            switch reply.body {
            case .none: []
            case .json(let shape): [json(Shapes.reference(to: shape))]
            case .list(let shape): [json(["type": "array", "items": Shapes.reference(to: shape)])]
            case .bytes:
                (MediaType.allCases.map(\.rawValue)).map { ($0, ["schema": ["type": "string"]]) }
            case .events: [events]
            case .jsonOrEvents(let shape): [json(Shapes.reference(to: shape)), events]
            }
        var response: JSONObject = [
            "description": .string(reply.words.english), "x-description-zh": .string(reply.words.chinese),
        ]
        if !content.isEmpty { response["content"] = .object(JSONObject(content)) }
        return .object(response)
    }

    private static func words(of status: Int) -> Words {
        switch status {
        case 400: Words("The request is wrong; the message says where.", "请求有误，消息说明了位置。")
        case 401: Words("The key is missing or unknown.", "缺少密钥，或密钥无效。")
        case 402: Words("No account of the provider has credit left.", "服务账号的额度已用完。")
        case 403: Words("The key may not do that, or its quota is used up.", "密钥无权限，或额度已用完。")
        case 404: Words("There is no such model, task or address.", "模型、任务或地址不存在。")
        case 408: Words("The wait is over; the task goes on.", "等待超时，任务继续执行。")
        case 409: Words("It does not fit the present state.", "与当前状态冲突。")
        case 410: Words("It is no longer valid.", "已失效。")
        case 413: Words("The body is too large.", "请求体过大。")
        case 415: Words("The content type is not taken here.", "不支持的内容类型。")
        case 422: Words("The Idempotency-Key was used with another body.", "该幂等键已用于不同的请求体。")
        case 429: Words("Too many requests, or the queue is full.", "请求过于频繁，或队列已满。")
        case 500: Words("The server made a mistake.", "服务器内部错误。")
        case 501: Words("This instance is not set up for that.", "本实例未启用该功能。")
        case 502: Words("The provider failed.", "上游服务出错。")
        case 503: Words("Not available now; try again shortly.", "暂时不可用，请稍后重试。")
        case 504: Words("It took too long.", "处理超时。")
        default: Words("An error.", "错误。")
        }
    }
}
