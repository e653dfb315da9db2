public import Core

/// What Sora2API has beside videos, pictures and chats: characters, profiles, feeds, invite codes, prompts
/// written out, the tasks of an upstream account. The operator's bridge knows all of it. Source: Sora2API's
/// document, sections 9 to 20.
public struct Sora2API: Dialect {
    public init() {}

    public let name = "sora2api"
    public let mounts = ["sora"]

    public let routes: [Route] = [
        Self.inviteCodes, Self.profile, Self.userFeed, Self.search, Self.feed, Self.enhance,
        Self.pendingTasks,
        Self.pendingTasks2, Self.pendingTask, Self.ownFeed, Self.create, Self.characters, Self.character,
        Self.remove, Self.stats,
    ]

    static let inviteCodes = Route(.get, "/v1/invite-codes")
    static let profile = Route(.get, "/v1/profiles/:username")
    static let userFeed = Route(.get, "/v1/users/:user_id/feed")
    static let search = Route(.get, "/v1/characters/search")
    static let feed = Route(.get, "/v1/feed")
    static let enhance = Route(.post, "/v1/enhance_prompt", body: .jsonOrForm)

    static let create = Route(.post, "/v1/characters", body: .jsonOrForm)
    // Sora2API has the like for its administrator only.
    static let characters = Route(.get, "/v1/characters")
    static let character = Route(.get, "/v1/characters/:id")
    static let remove = Route(.delete, "/v1/characters/:id")
    static let stats = Route(.get, "/v1/stats")

    // Of one account: operators only.
    static let pendingTasks = Route(.get, "/v1/tokens/:token_id/pending-tasks")
    static let pendingTasks2 = Route(.get, "/v1/tokens/:token_id/pending-tasks-v2")
    static let pendingTask = Route(.get, "/v1/tokens/:token_id/tasks/:task_id")
    static let ownFeed = Route(.get, "/v1/tokens/:token_id/profile-feed")
}
