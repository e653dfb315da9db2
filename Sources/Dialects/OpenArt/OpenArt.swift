public import Core

/// The API of a gateway for OpenArt's videos: `/api/generate`, `/api/task/{id}` and what belongs to them,
/// also below `/openart`. Source: that gateway's document.
public struct OpenArt: Dialect {
    public init() {}

    public let name = "openart"
    public let mounts = ["openart"]

    public let routes: [Route] = [
        Self.generate, Self.generateWithFile, Self.task, Self.tasks, Self.stats, Self.credits,
    ]

    static let generate = Route(.post, "/api/generate", body: .jsonOrForm)
    static let generateWithFile = Route(.post, "/api/generate-with-file", body: .jsonOrForm)
    static let task = Route(.get, "/api/task/:id")
    static let tasks = Route(.get, "/api/tasks")
    static let stats = Route(.get, "/api/stats")
    static let credits = Route(.get, "/api/credits")

    /// This API has no models: whoever names none gets this one.
    static let model = "openart-video"
}
