public import Core

/// Calls of the other APIs, described in a body: many tasks with one request, `POST /v1/batches`, JSON lines
/// in and one report out; and what a call would cost, `POST /v1/estimates`. Kinora's own; a call is spelled
/// like a line of OpenAI's batches. Source: platform.openai.com/docs/guides/batch.
public struct Batches: Dialect {
    public init() {}

    public let name = "batches"
    public let routes = [Self.create, Self.estimate]

    static let create = Route(.post, "/v1/batches", body: .lines)
    static let estimate = Route(.post, "/v1/estimates", body: .rawJSON)

    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        guard case .raw(let bytes) = request.body else { throw KinoraError(.malformedRequest) }
        guard match.route == Self.estimate else { return .batch(try Batch(bytes)) }
        return .estimate(try EnclosedCall(try JSONOutline(bytes)))
    }

    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        guard case .batch(let replies) = outcome else { return OpenAIVideos().encode(outcome, for: exchange) }
        let accepted = replies.count { (200..<300).contains($0.status) }
        var body = Array(
            """
            {"object":"batch","total":\(replies.count),"accepted":\(accepted),\
            "refused":\(replies.count - accepted),"lines":[
            """.utf8)
        for (index, reply) in replies.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += Array("{\"line\":\(reply.number),\"custom_id\":".utf8) + JSON(reply.customID).serialized()
            body += Array(",\"status\":\(reply.status),\"body\":".utf8) + reply.body
            body.append(UInt8(ascii: "}"))
        }
        return Response(
            status: 200, headers: [Response.jsonType, OpenAIVideos.noStore], body: body + Array("]}".utf8))
    }

    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        OpenAIVideos().encode(error, for: exchange)
    }
}
