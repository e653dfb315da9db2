import CCurl
import Crypto
import Glibc
import Core

/// One call on its way: what curl's callbacks work on. Touched by one thread only, once started.
final class Transfer: @unchecked Sendable {
    private(set) var call: HTTPCall
    let account: VendorAccount
    let sink: ReplySink
    let completion: @Sendable (Result<HTTPReply, TransportFailure>) -> Void
    let egress: EgressGuard

    private(set) var body: BodyReader?
    var headerList: UnsafeMutablePointer<curl_slist>?
    /// The lines of the reply's head.
    private(set) var replyHead = ReplyHead()
    private var replyBody: [UInt8] = []
    private var fileDescriptor: Int32 = -1
    private var fileBytes = 0
    /// Why the guard has refused an address.
    private var addressRefusal: String?
    /// Why Kinora itself stopped the call.
    private var ownError: KinoraError?
    /// How often curl set out to send the request.
    private var requestsBegun = 0
    private var hasReadBody = false
    private var hasEnded = false
    /// Whether no more of the reply was wanted.
    private var hasReadEnough = false
    /// Whether the blank line after the reply's headers came.
    var hasWholeHead: Bool { replyHead.isWhole }

    init(
        _ call: HTTPCall, _ account: VendorAccount, _ sink: ReplySink, _ egress: EgressGuard,
        _ completion: @escaping @Sendable (Result<HTTPReply, TransportFailure>) -> Void
    ) {
        self.call = call
        self.account = account
        self.sink = sink
        self.egress = egress
        self.completion = completion
    }

    deinit {
        curl_slist_free_all(headerList)
        if fileDescriptor >= 0 { close(fileDescriptor) }
        // Dropped in the middle: nobody else knows of the file.
        if !hasEnded, fileBytes > 0, case .file(let path, _) = sink { unlink(path) }
    }

    static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
        Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
    }

    /// Makes the body ready, and signs the call where it is to be signed. Throws what keeps it from leaving.
    func ready(at now: Timestamp) throws(KinoraError) {
        body = try BodyReader(call.body)
        if let signing = call.signing {
            call.headers += signing(try body?.hash() ?? Hex.text(SHA256.hash(data: [UInt8]())), now)
        }
        try call.checkHeaders()
    }

    func takeHeader(_ line: UnsafeRawBufferPointer) { replyHead.take(line) }

    /// False stops the transfer.
    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        switch sink {
        case .memory(let limit):
            guard replyBody.count + bytes.count <= limit else {
                return fail(.upstreamProtocol, "the reply is too long")
            }
            replyBody.append(contentsOf: bytes)
            return true
        case .beginning(let limit):
            replyBody.append(contentsOf: bytes.prefix(limit - replyBody.count))
            hasReadEnough = replyBody.count == limit
            return !hasReadEnough
        case .reader:
            replyBody.append(contentsOf: bytes)
            return true
        case .file(let path, let limit):
            guard fileBytes + bytes.count <= limit else {
                return fail(.upstreamProtocol, "the result is too long")
            }
            // The head of an error page is worth more in the log than in a file.
            if replyBody.count < 512 { replyBody.append(contentsOf: bytes.prefix(512 - replyBody.count)) }
            if fileDescriptor < 0 {
                fileDescriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            }
            guard fileDescriptor >= 0, write(bytes) else {
                return fail(.storageFailed, "\(path): \(String(cString: strerror(errno)))")
            }
            fileBytes += bytes.count
            return true
        }
    }

    /// Whether something has come for a reader.
    var hasArrived: Bool { !replyBody.isEmpty }

    /// What has come since the last time.
    func takeArrived() -> [UInt8] {
        defer { replyBody = [] }
        return replyBody
    }

    private func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(fileDescriptor, rest.baseAddress!, rest.count)
            guard count > 0 else { return false }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return true
    }

    private func fail(_ code: ErrorCode, _ detail: String) -> Bool {
        ownError = KinoraError(code, detail: detail)
        return false
    }

    /// Whether it brings a file, or is one. A vendor that makes pictures thinks first.
    var movesFile: Bool {
        if case .file = sink, call.mediaMembers == nil { return true }
        if case .file = call.body { return true }
        return false
    }

    /// Whether it may still be begun.
    var isTimely: Bool { call.beginBefore.map { ContinuousClock.now < $0 } ?? true }

    func readBody(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        hasReadBody = true
        return body?.read(into: buffer) ?? 0
    }

    /// Asked when a connection stands and nothing has been sent on it. curl sends a request again by itself
    /// when a kept connection dies without an answer, even when the head or all of it was read: a submit must
    /// never be sent twice, so only its first time is allowed.
    func mayBeginRequest() -> Bool {
        if requestsBegun > 0, !call.isRepeatable {
            return fail(.upstreamUnreachable, "the connection broke before an answer came; not sent again")
        }
        // The call may have waited for a free connection.
        if requestsBegun == 0, !isTimely { return fail(.queueFull, Self.late) }
        requestsBegun += 1
        return true
    }

    /// Whether curl had to begin only once.
    var wasSmooth: Bool { requestsBegun == 1 }

    /// Nobody's fault but Kinora's own, which has so many connections.
    static let late = "its turn came too late; nothing was sent"

    /// Back to the body's beginning, for a request that may be sent again.
    func rewind() -> Bool {
        guard call.isRepeatable || !hasReadBody else { return false }
        body?.rewind()
        return true
    }

    func allowsConnection(to address: UnsafePointer<sockaddr>) -> Bool {
        guard let address = SocketAddress(address) else {
            addressRefusal = "neither IPv4 nor IPv6"
            return false
        }
        guard let refusal = egress.refusal(of: address.bytes, port: address.port) else { return true }
        addressRefusal = refusal
        return false
    }

    func finish(_ code: CURLcode, status: Int) {
        if let failure = end(code) {
            completion(.failure(failure))
            return
        }
        completion(
            .success(
                HTTPReply(
                    status: status, replyHead, body: replyBody, fileBytes: fileBytes, to: account.credential))
        )
    }

    /// Why the call has failed; nil when it has not.
    func end(_ code: CURLcode) -> TransportFailure? {
        hasEnded = true
        // curl takes a connection that ends within the headers for the end of an empty reply.
        let code = code == CURLE_OK && !hasWholeHead ? CURLE_WEIRD_SERVER_REPLY : code
        return code == CURLE_OK || hasReadEnough ? nil : failure(code)
    }

    private func failure(_ code: CURLcode) -> TransportFailure {
        let text = String(cString: curl_easy_strerror(code))
        // Of a name's several addresses one may be refused and another have taken the request.
        if let addressRefusal, requestsBegun == 0 {
            return TransportFailure(
                KinoraError(.addressRefused, detail: "\(call.place): \(addressRefusal)"),
                mayHaveArrived: false)
        }
        let error =
            ownError
            ?? KinoraError(.upstreamUnreachable, detail: "\(call.method.rawValue) \(call.place): \(text)")
        return TransportFailure(error, mayHaveArrived: requestsBegun > 0)
    }
}
