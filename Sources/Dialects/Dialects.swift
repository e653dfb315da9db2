public import Core

/// Every client API.
public enum Dialects {
    public static let all: [any Dialect] = [
        OpenAIVideos(), OpenAIImages(), JimengVideos(), OpenAIText(), OpenArt(), Hub(), Llmage(),
        VendorCallbacks(),
    ]
}
