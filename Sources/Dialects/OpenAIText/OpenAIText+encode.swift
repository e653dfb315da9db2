public import Core

extension OpenAIText {
    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        switch outcome {
        case .relayed(let answer):
            return Response(status: 200, headers: [Response.jsonType, OpenAIVideos.noStore], body: answer)
        case .relaying(let stream):
            return .events(stream)
        case .told(let task, let made, let family):
            let chat = MediaChat(task, of: family, exchange)
            return Response(
                status: 200, headers: [Response.jsonType, OpenAIVideos.noStore],
                body: chat.completion(made).serialized())
        case .telling(let course, let family, let wantsUsage):
            let chat = MediaChat(course.task, of: family, exchange)
            let next: @Sendable () throws(KinoraError) -> [UInt8]? = { () throws(KinoraError) in
                guard let news = try course.next() else { return nil }
                return chat.events(news, usage: wantsUsage)
            }
            return .events(BodyStream(next: next, abandon: {}))
        case .toldCameo(let cameo, let family, let isStreamed):
            let chat = CharacterChat(cameo: cameo, format: MediaChat.Format(of: family, exchange.options))
            guard isStreamed else {
                return Response(
                    status: 200, headers: [Response.jsonType, OpenAIVideos.noStore],
                    body: chat.completion().serialized())
            }
            let rest = Guarded<[UInt8]?>(chat.events())
            let next: @Sendable () -> [UInt8]? = {
                rest.withLock { events in
                    defer { events = nil }
                    return events
                }
            }
            return .events(BodyStream(next: next, abandon: {}))
        // A chat about media whose client did not want to wait.
        case .accepted: return OpenAIImages().encode(outcome, for: exchange)
        case .limited(let outcome, let allowance): return encode(outcome, for: exchange).adding(allowance)
        default: return OpenAIVideos().encode(outcome, for: exchange)
        }
    }
}
