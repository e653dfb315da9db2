public import Core

/// The API of the llmage platform below `/llmage/v1`: models by category (which it spells `catelogid`), chats
/// of a `prompt`, pictures and videos as tasks. Source: that platform's document.
public struct Llmage: Dialect {
    public init() {}

    public let name = "llmage"

    public let routes: [Route] = [Self.models, Self.chat, Self.image, Self.video, Self.tasks]

    static let models = Route(.get, "/llmage/v1/models")
    static let chat = Route(.post, "/llmage/v1/chat/completions", body: .rawJSON)
    static let image = Route(.post, "/llmage/v1/image/generations", body: .jsonOrForm)
    static let video = Route(.post, "/llmage/v1/video/generations", body: .jsonOrForm)
    static let tasks = Route(.get, "/llmage/v1/tasks")
}
