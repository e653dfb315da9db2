public import Core

/// OpenAI's videos API with the extensions of Sora2API: `/v1/videos`, `/v1/models`, `/api/health`.
/// Sources: platform.openai.com/docs/api-reference/videos; Sora2API's document, section 3.
public struct OpenAIVideos: Dialect {
    public init() {}

    public let name = "openai-videos"
    public let mounts = ["sora", "jimeng"]

    public let routes: [Route] = [
        Self.create, Self.list, Self.retrieve, Self.content, Self.remix, Self.remove,
        Self.models, Self.model, Self.health, Self.media, Self.quota, Self.redemption,
    ]

    static let create = Route(.post, "/v1/videos", body: .jsonOrForm)
    static let list = Route(.get, "/v1/videos")
    static let retrieve = Route(.get, "/v1/videos/:id")
    static let content = Route(.get, "/v1/videos/:id/content")
    static let remix = Route(.post, "/v1/videos/:id/remix", body: .jsonOrForm)
    static let remove = Route(.delete, "/v1/videos/:id")
    static let models = Route(.get, "/v1/models")
    static let model = Route(.get, "/v1/models/:id")
    static let health = Route(.get, "/api/health", access: .open)
    static let media = Route(.get, "/media/:name", access: .open)

    // Kinora's own: OpenAI has nothing of the kind. Amounts are micro-units.
    static let quota = Route(.get, "/v1/quota")
    static let redemption = Route(.post, "/v1/redemptions", body: .jsonOrForm)
}
