import Core
import FastCGI

extension Responder {
    /// One request, and what became of it.
    struct Answer {
        let head: RequestHead
        let began = ContinuousClock.now
        var course = RequestCourse()
        var exchange: Exchange
        var response: Response?
        /// Bytes that followed the response.
        var streamedBytes = 0

        init(to head: RequestHead) {
            self.head = head
            exchange = Exchange(method: head.method)
        }
    }

    /// Sends a response and what follows it, piece by piece. A client that takes them slowly has the stream
    /// read slowly; one that leaves ends it.
    func carry(
        _ stream: BodyStream, after response: Response, on connection: Connection, _ answer: inout Answer
    ) {
        do throws(KinoraError) {
            var isListening = connection.begin(response)
            while isListening, let piece = try stream.next() {
                answer.streamedBytes += piece.count
                isListening = connection.stream(piece)
            }
            guard !isListening else { return }
            stream.abandon()
            answer.course.error = KinoraError(.clientGone, detail: "while it was answered")
        } catch {
            answer.course.error = error
            guard error.code != .clientGone else { return }
            report(error, answer.head, answer.exchange)
            let words = answer.course.speaker?.lastWords(on: error, for: answer.exchange) ?? []
            answer.streamedBytes += words.count
            _ = connection.stream(words)
        }
    }
}
