public import Core

extension OpenAIText {
    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        switch match.route {
        case Self.chat, Self.hubChat: .relay(try chat(request, of: match.mount))
        case Self.embeddings, Self.hubEmbeddings:
            .relay(try RelayRequest(.embedding, Self.bytes(request), of: match.mount))
        case Self.hubModel: .model(match.values[0])
        default: .models(try ModelFilter(request.path.query))
        }
    }

    private static func bytes(_ request: Request) throws(KinoraError) -> [UInt8] {
        guard case .raw(let bytes) = request.body else {
            throw KinoraError(.malformedRequest, "The body must be a JSON object.")
        }
        return bytes
    }

    /// Whether the model is one of texts or of media is not known here.
    private func chat(_ request: Request, of family: String?) throws(KinoraError) -> RelayRequest {
        let bytes = try Self.bytes(request)
        var chat = try RelayRequest(.chat, bytes, of: family)
        let (name, isStreamed) = (name, chat.isStreamed)
        chat.asMedia = { kind throws(KinoraError) in
            var submission = try MediaChat.submission(bytes, of: kind)
            submission.dialect = name
            submission.family = family
            submission.takePreferences(of: request)
            if request.head.prefersAsync, !isStreamed { submission.resultForm = nil }
            return submission
        }
        return chat
    }
}
