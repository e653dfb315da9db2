public import Core

/// Many tasks with one request, `POST /v1/batches`: JSON lines in, one report out. Kinora's own; the lines
/// are spelled like those of OpenAI's batches. Source: platform.openai.com/docs/guides/batch.
public struct Batches: Dialect {
    public init() {}

    public let name = "batches"
    public let routes = [Self.create]

    static let create = Route(.post, "/v1/batches", body: .lines)

    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        guard case .raw(let bytes) = request.body else {
            throw KinoraError(.missingParameter, "The batch has no lines.")
        }
        return .batch(try Batch(bytes))
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
