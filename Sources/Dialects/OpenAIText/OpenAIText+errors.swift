public import Core

extension OpenAIText {
    /// OpenAI's envelope. Below `/api/relay` the video hub's words stand beside it, and its statuses.
    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        var response = OpenAIVideos().encode(error, for: exchange)
        guard exchange.path?.segments.first == "api" else { return response }
        var body = ((try? JSONParser.parse(response.body)) ?? .null).objectValue ?? [:]
        body["success"] = false
        body["message"] = .string(error.message)
        response.body = JSON.object(body).serialized()
        if error.code == .revokedKey { response.status = 403 }
        return response
    }

    /// An event with the same envelope: clients of OpenAI look for `error` in each.
    public func lastWords(on error: KinoraError, for exchange: Exchange) -> [UInt8] {
        Array("data: ".utf8) + encode(error, for: exchange).body + Array("\n\n".utf8)
    }
}
