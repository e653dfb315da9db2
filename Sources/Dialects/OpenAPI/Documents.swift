import Crypto
public import Core

/// The description of all the others, `/openapi.json`.
public struct Documents: Dialect {
    public init() {}

    public let name = "documents"
    public let routes = [Self.openAPI]

    /// It is large, and anybody may ask for it.
    private let kept = KeptDocument()

    static let openAPI = Route(.get, "/openapi.json", access: .open)

    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        .catalogue
    }

    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        guard case .models(let models) = outcome else {
            return OpenAIVideos().encode(outcome, for: exchange)
        }
        let document = kept.document(of: models)
        let server = JSON.string(exchange.origin.isEmpty ? "/" : exchange.origin).serialized()
        var response = Response(
            status: 200,
            headers: [
                // Models come and go with their accounts.
                Response.jsonType, ("Cache-Control", "no-cache"), ("ETag", document.tag(for: server)),
            ])
        response.pieces = [
            .bytes(Array(#"{"servers":[{"url":"#.utf8) + server + Array("}],".utf8)), .bytes(document.rest),
        ]
        return response
    }

    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        OpenAIVideos().encode(error, for: exchange)
    }
}

/// The document as it was made last. It is made anew when the models have changed.
private final class KeptDocument: Sendable {
    struct Made: Sendable {
        let models: [Model]
        /// Behind `servers`, as a part of the object's text.
        let rest: [UInt8]
        let digest: [UInt8]

        /// The same for the same bytes.
        func tag(for server: [UInt8]) -> String {
            let digest = SHA256.hash(data: digest + server)
            return "\"\(Hex.text(digest.prefix(16)))\""
        }
    }

    private let last = Guarded<Made?>(nil)

    /// Whoever comes while it is made waits for it.
    func document(of models: [Model]) -> Made {
        last.withLock { last in
            if let last, last.models == models { return last }
            let json = OpenAPIDocument(dialects: Dialects.described, models: models).json
            let rest = Array(json.serialized().dropFirst())
            let made = Made(models: models, rest: rest, digest: Array(SHA256.hash(data: rest)))
            last = made
            return made
        }
    }
}
