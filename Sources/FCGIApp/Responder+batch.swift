import Core
import Crypto
import Dialects

extension Responder {
    /// Each line goes the way of a request, with the batch's key. References may be fetched on the way: what
    /// is not reached in time is refused, and may be sent again.
    func perform(_ batch: Batch, under head: RequestHead) -> [Batch.Reply] {
        let end = ContinuousClock.now + .seconds(Limits.batchSecondsMax)
        return batch.lines.map { line in
            let response = ContinuousClock.now < end ? respond(to: line, in: head) : nil
            guard let response, response.internalFile == nil else {
                let late = KinoraError(.shuttingDown, "The batch took too long; send the line again.")
                return refusal(of: line, late)
            }
            return Batch.Reply(line, status: response.status, body: response.body)
        }
    }

    private func respond(to line: Batch.Line, in head: RequestHead) -> Response? {
        do throws(KinoraError) {
            let call = try line.call.get()
            guard let place = route(call, head), Dialects.isSubmit(place.match.route) else {
                throw KinoraError(.invalidValue, "Nothing is submitted at '\(call.target)'.", field: "url")
            }
            return respond(to: EnclosedRequest(call, in: head, idempotencyKey: Self.key(of: line, head)))
        } catch {
            return router.fallback.encode(error, for: Exchange())
        }
    }

    /// The same line of the same batch sent again is the same task.
    private static func key(of line: Batch.Line, _ head: RequestHead) -> String {
        if head.idempotencyKey.isEmpty { return "" }
        // A name may be a number too.
        let place = line.customID.map { "name \($0)" } ?? "line \(line.number)"
        return Hex.text(SHA256.hash(data: Array("\(head.idempotencyKey)\n\(place)".utf8)))
    }

    private func refusal(of line: Batch.Line, _ error: KinoraError) -> Batch.Reply {
        let response = router.fallback.encode(error, for: Exchange())
        return Batch.Reply(line, status: response.status, body: response.body)
    }
}
