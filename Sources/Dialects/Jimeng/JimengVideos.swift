public import Core

/// The videos of Jimeng's gateways: `POST /v1/videos/generations` answers with the video itself, whichever
/// model makes it. Which models there are and what they take is in their rows. Sources: the document of
/// Jimeng's gateway; for what it leaves out, jimeng-api and its kin.
public struct JimengVideos: Dialect {
    public init() {}

    public let name = "jimeng-videos"
    public let mounts = ["sora", "jimeng"]

    public let routes: [Route] = [Self.create]

    static let create = Route(.post, "/v1/videos/generations", body: .jsonOrForm)

    /// What is made is answered as pictures are, and so are its tasks and errors.
    private static let images = OpenAIImages()

    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        Self.images.encode(outcome, for: exchange)
    }

    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        Self.images.encode(error, for: exchange)
    }
}
