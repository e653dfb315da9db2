public import Core

extension OpenAIText {
    /// OpenAI's envelope; below `/api/relay` inside of the video hub's, as pictures have it there.
    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        exchange.isRelayed
            ? OpenAIImages().encode(error, for: exchange) : OpenAIVideos().encode(error, for: exchange)
    }

    /// An event with the same envelope: clients of OpenAI look for `error` in each.
    public func lastWords(on error: KinoraError, for exchange: Exchange) -> [UInt8] {
        Array("data: ".utf8) + encode(error, for: exchange).body + Array("\n\n".utf8)
    }
}
