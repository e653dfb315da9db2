public import Core

/// OpenAI's images API with the extensions of Sora2API and Jimeng's gateways, and the tasks behind it:
/// `/v1/images/generations`, `/v1/images/edits`, `/v1/tasks/{id}`; and below `/api/relay`. Which models there
/// are and what they take is in their rows. Sources: platform.openai.com/docs/api-reference/images; the
/// documents of Sora2API, the video hub and Jimeng's gateway.
public struct OpenAIImages: Dialect {
    public init() {}

    public let name = "openai-images"
    public let mounts = ["sora", "jimeng"]

    public let routes: [Route] = [
        Self.create, Self.edit, Self.compose, Self.hubCreate, Self.hubEdit, Self.task, Self.result,
        Self.remove,
    ]

    static let create = Route(.post, "/v1/images/generations", body: .jsonOrForm)
    static let edit = Route(.post, "/v1/images/edits", body: .jsonOrForm)
    /// As gateways to Jimeng call it.
    static let compose = Route(.post, "/v1/images/compositions", body: .jsonOrForm)
    // Where the video hub's clients look for them.
    static let hubCreate = Route(.post, "/api/relay/v1/images/generations", body: .jsonOrForm)
    static let hubEdit = Route(.post, "/api/relay/v1/images/edits", body: .jsonOrForm)
    // Tasks of every kind, whatever made them.
    static let task = Route(.get, "/v1/tasks/:id")
    static let result = Route(.get, "/v1/tasks/:id/result")
    static let remove = Route(.delete, "/v1/tasks/:id")
}
