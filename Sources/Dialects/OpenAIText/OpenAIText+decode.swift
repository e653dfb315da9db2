public import Core

extension OpenAIText {
    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        switch match.route {
        case Self.chat, Self.hubChat: .relay(try RelayRequest(.chat, Self.bytes(request)))
        case Self.embeddings, Self.hubEmbeddings: .relay(try RelayRequest(.embedding, Self.bytes(request)))
        case Self.hubModel: .model(match.values[0])
        default: .models()
        }
    }

    private static func bytes(_ request: Request) throws(KinoraError) -> [UInt8] {
        guard case .raw(let bytes) = request.body else {
            throw KinoraError(.malformedRequest, "The body must be a JSON object.")
        }
        return bytes
    }
}
