import Core
import FastCGI

/// A call that stands in the body of another one, as a request of its own. Nobody waits for its task.
final class EnclosedRequest: Incoming {
    let head: RequestHead
    private let bytes: [UInt8]
    private var offset = 0

    /// `head` is that of the request around it.
    init(_ call: EnclosedCall, in head: RequestHead, idempotencyKey: String) {
        bytes = call.body
        var head = head
        head.method = .post
        head.target = call.target
        head.contentType = "application/json"
        head.contentLengthBytes = bytes.count
        head.prefer = "respond-async"
        head.idempotencyKey = idempotencyKey
        self.head = head
    }

    /// Whoever leaves a batch gets no report, but the tasks.
    var isClientGone: Bool { false }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let piece = bytes[offset...].prefix(buffer.count)
        buffer.copyBytes(from: piece)
        offset += piece.count
        return piece.count
    }
}
