public import Core

/// The description of all the others, `/openapi.json`.
public struct Documents: Dialect {
    public init() {}

    public let name = "documents"
    public let routes = [Self.openAPI]

    static let openAPI = Route(.get, "/openapi.json", access: .open)

    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        .catalogue
    }

    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        guard case .models(let models) = outcome else {
            return OpenAIVideos().encode(outcome, for: exchange)
        }
        let document = OpenAPIDocument(
            dialects: Dialects.described, models: models, origin: exchange.origin)
        // Models come and go with their accounts.
        return .json(document.json).adding("Cache-Control", "no-cache")
    }

    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        OpenAIVideos().encode(error, for: exchange)
    }
}
