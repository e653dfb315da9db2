public import Core

/// The API of a video hub: `/api/video/submit`, `/api/video/status`, `/api/user/…`. What it relays is
/// OpenAI's. Source: that hub's document.
public struct Hub: Dialect {
    public init() {}

    public let name = "hub"

    public let routes: [Route] = [Self.submit, Self.status, Self.quota, Self.redemption]

    static let submit = Route(.post, "/api/video/submit", body: .jsonOrForm)
    static let status = Route(.get, "/api/video/status")
    static let quota = Route(.get, "/api/user/quota")
    static let redemption = Route(.post, "/api/user/redemption", body: .jsonOrForm)
}
