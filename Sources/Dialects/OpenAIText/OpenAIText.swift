public import Core

/// OpenAI's chat completions and embeddings, at `/v1` and below `/api/relay`, where the video hub's clients
/// look for them. A chat with a model of media is read and answered by `MediaChat`. Sources:
/// platform.openai.com/docs/api-reference/chat; the video hub's document.
public struct OpenAIText: Dialect {
    public init() {}

    public let name = "openai-text"
    public let mounts = ["sora", "jimeng"]

    public let routes = [
        Self.chat, Self.embeddings, Self.hubChat, Self.hubEmbeddings, Self.hubModels, Self.hubModel,
    ]

    static let chat = Route(.post, "/v1/chat/completions", body: .rawJSON)
    static let embeddings = Route(.post, "/v1/embeddings", body: .rawJSON)
    static let hubChat = Route(.post, "/api/relay/v1/chat/completions", body: .rawJSON)
    static let hubEmbeddings = Route(.post, "/api/relay/v1/embeddings", body: .rawJSON)
    static let hubModels = Route(.get, "/api/relay/v1/models")
    static let hubModel = Route(.get, "/api/relay/v1/models/:id")
}
