import Core
import Foundation
import Synchronization
import TestSupport
import Upstream

@testable import Engine

/// A peer on the loopback that plays a bucket, real curl between: it keeps what it is given, or fails as a
/// test tells it to. Whether signatures are right is checked elsewhere, by code that is not ours.
final class BucketPeer: Sendable {
    /// Its answer to everything.
    enum Mood: String, Sendable, CaseIterable {
        case well
        case slowDown, broken, forbidden, noBucket, elsewhere, hasNoETag, isNoHTTP, cutsOff
        /// No answer.
        case hangs

        var answer: String? {
            switch self {
            case .well, .hangs: nil
            case .slowDown: Receiver.reply(503, Self.page("SlowDown"), headers: "Retry-After: 1\r\n")
            case .broken: Receiver.reply(500, Self.page("InternalError"))
            case .forbidden: Receiver.reply(403, Self.page("AccessDenied"))
            case .noBucket: Receiver.reply(404, Self.page("NoSuchBucket"))
            case .elsewhere: Receiver.reply(301, Self.page("PermanentRedirect"))
            case .hasNoETag: Receiver.reply(200, "<html>Please sign in</html>")
            case .isNoHTTP: "SSH-2.0-OpenSSH_9.2\r\n"
            case .cutsOff: ""
            }
        }

        private static func page(_ code: String) -> String {
            "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>in words</Message></Error>"
        }

        /// What the operator reads.
        var words: String {
            switch self {
            case .well: ""
            case .slowDown: "bucket media, PUT: it asks to slow down, or is not available"
            case .broken: "bucket media, PUT: it failed (HTTP 500 InternalError in words)"
            case .forbidden: "bucket media, PUT: the key may not do that (HTTP 403 AccessDenied in words)"
            case .noBucket: "bucket media, PUT: there is no such bucket"
            case .elsewhere: "bucket media, PUT: the bucket is in another region"
            case .hasNoETag: "bucket media, PUT: the answer is not that of an S3 store"
            case .isNoHTTP, .cutsOff, .hangs: "bucket media: PUT http://127.0.0.1:"
            }
        }
    }

    private struct State {
        var mood = Mood.well
        var objects: [String: String] = [:]
        /// The time of every object.
        var stored = "Sun, 06 Nov 1994 08:49:37 GMT"
    }

    private let state = Mutex(State())
    let receiver: Receiver
    private let transport: CurlTransport
    static let secret = "bucket-s3cret"

    init() throws {
        receiver = try Receiver()
        var options = CurlTransport.Options()
        options.egress = .open
        transport = try CurlTransport(options)
        try transport.start()
        receiver.answers { [weak self] in self?.answer($0) }
    }

    deinit {
        receiver.stop()
        transport.stop()
    }

    func media(_ disk: DiskMedia, _ clock: any WallClock = ManualClock()) throws -> BucketMedia {
        let signer = RequestSigner(accessKey: "AKTEST", secret: Secret(Self.secret), region: "here")
        let bucket = try Bucket(
            endpoint: "http://\(receiver.place)", name: "media", addressing: .path, signer: signer)
        return BucketMedia(disk: disk, bucket: bucket, transport: transport, clock: clock)
    }

    func be(_ mood: Mood) { state.withLock { $0.mood = mood } }

    /// Objects by path.
    var objects: [String: String] { state.withLock { $0.objects } }

    func spoil(_ path: String, with text: String) { state.withLock { $0.objects[path] = text } }

    func storedNow() { state.withLock { $0.stored = "Mon, 07 Nov 1994 00:00:00 GMT" } }

    func calls(_ method: String) -> Int { receiver.received.all.count { $0.method == method } }

    private func answer(_ message: Receiver.Message) -> String? {
        state.withLock { state in
            guard state.mood == .well else { return state.mood.answer }
            let path = message.path
            switch message.method {
            case "PUT":
                state.objects[path] = message.body
                return Receiver.reply(200, headers: "ETag: \"0a\"\r\n")
            case "DELETE":
                state.objects[path] = nil
                return Receiver.reply(204)
            default:
                guard let object = state.objects[path] else { return Receiver.reply(404) }
                let times = "Date: Mon, 07 Nov 1994 00:00:30 GMT\r\nLast-Modified: \(state.stored)\r\n"
                if message.method == "HEAD" {
                    return "HTTP/1.1 200 OK\r\nContent-Length: \(object.utf8.count)\r\n\(times)\r\n"
                }
                return Receiver.reply(200, object, headers: times)
            }
        }
    }
}
