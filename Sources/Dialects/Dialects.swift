public import Core

/// Every client API.
public enum Dialects {
    public static let all: [any Dialect] = described + [Documents(), VendorCallbacks()]

    /// Those that the description of the API speaks of.
    static let described: [any Described] = [
        OpenAIVideos(), OpenAIImages(), JimengVideos(), OpenAIText(), Sora2API(), OpenArt(), Hub(), Llmage(),
        Batches(),
    ]

    /// Whether a task is made at this route, by the words of its own API.
    public static func isSubmit(_ route: Route) -> Bool { submits.contains(route) }

    private static let submits = described.flatMap { $0.operations }.filter(\.isSubmit)
        .map(\.route)
}
