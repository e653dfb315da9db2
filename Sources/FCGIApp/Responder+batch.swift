import Core
import Crypto
import Dialects

extension Responder {
    /// A line of a batch, as a request of its own.
    private final class LineRequest: Incoming {
        let head: RequestHead
        private var rest: ArraySlice<UInt8>

        /// Nobody waits for the task. The same line of the same batch sent again is the same task.
        init(_ line: Batch.Line, _ target: String, _ body: [UInt8], in batch: RequestHead) {
            var head = batch
            head.method = .post
            head.target = target
            head.contentType = "application/json"
            head.contentLengthBytes = body.count
            head.prefer = "respond-async"
            if !batch.idempotencyKey.isEmpty {
                // A name may be a number too.
                let place = line.customID.map { "name \($0)" } ?? "line \(line.number)"
                let name = "\(batch.idempotencyKey)\n\(place)"
                head.idempotencyKey = Hex.text(SHA256.hash(data: Array(name.utf8)))
            }
            self.head = head
            rest = body[...]
        }

        /// Whoever leaves gets no report, but the tasks.
        var isClientGone: Bool { false }

        func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
            let piece = rest.prefix(buffer.count)
            buffer.copyBytes(from: piece)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
    }

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
            let (target, body) = try line.call.get()
            let path = try RequestPath(target: target)
            guard let (_, match) = try? router.route(.post, path, at: head.hostDialect),
                Dialects.isSubmit(match.route)
            else {
                throw KinoraError(.invalidValue, "Nothing is submitted at '\(target)'.", field: "url")
            }
            return respond(to: LineRequest(line, target, body.serialized(), in: head))
        } catch {
            return router.fallback.encode(error, for: Exchange())
        }
    }

    private func refusal(of line: Batch.Line, _ error: KinoraError) -> Batch.Reply {
        let response = router.fallback.encode(error, for: Exchange())
        return Batch.Reply(line, status: response.status, body: response.body)
    }
}
