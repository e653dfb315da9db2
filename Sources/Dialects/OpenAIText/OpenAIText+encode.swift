public import Core

extension OpenAIText {
    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        switch outcome {
        case .relayed(let answer):
            return Response(status: 200, headers: [Response.jsonType, OpenAIVideos.noStore], body: answer)
        case .relaying(let stream):
            var response = Response(
                status: 200,
                headers: [
                    ("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-cache"),
                    // nginx passes each event on as it comes.
                    ("X-Accel-Buffering", "no"),
                ])
            response.stream = stream
            return response
        case .limited(let outcome, let allowance): return encode(outcome, for: exchange).adding(allowance)
        default: return OpenAIVideos().encode(outcome, for: exchange)
        }
    }
}
