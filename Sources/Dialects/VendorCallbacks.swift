public import Core

/// Where vendors call back: `POST /callback/{token}`. Not an API for clients, and no vendor's format either:
/// the token says which attempt is meant, and the body is not read. Some vendors sign what they send.
public struct VendorCallbacks: Dialect {
    public init() {}

    public let name = "vendor-callbacks"
    public let routes = [Route(.post, "/callback/:token", access: .open)]

    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        guard request.head.contentLengthBytes ?? 0 <= Limits.callbackBodyBytesMax else {
            throw KinoraError(.bodyTooLarge, "A callback may have 64 KiB at most.")
        }
        return .vendorCallback(
            VendorCallback(
                token: match.values[0], target: request.head.target, headers: request.head.headers))
    }

    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        Response(status: 204, headers: [("Cache-Control", "no-store")])
    }

    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        OpenAIVideos().encode(error, for: exchange)
    }
}
