public import Core

/// One HTTP request to a vendor, as a value.
public struct HTTPCall: Sendable {
    public enum Body: Sendable {
        case none
        case json(JSON)
        /// JSON that goes out byte for byte as it is.
        case jsonBytes([UInt8])
        /// JSON in which files stand as data URLs or base64, each in the place of its mark. They are read as
        /// they go out.
        case jsonWithFiles(JSON, [InlineFile])
        case multipart([Part])
        /// A file as it is.
        case file(path: String, type: MediaType)
    }

    public struct InlineFile: Sendable {
        /// The string that stands for it, of which there is no other in the JSON.
        public let mark: String
        public let path: String
        public let type: MediaType
        /// Whether it is base64 alone, without the head of a data URL.
        public let isBare: Bool

        public init(mark: String, path: String, type: MediaType, isBare: Bool = false) {
            self.mark = mark
            self.path = path
            self.type = type
            self.isBare = isBare
        }
    }

    public enum Part: Sendable {
        case text(name: String, value: String)
        case file(name: String, path: String, filename: String, type: MediaType)
    }

    public var method: Method
    public var url: String
    /// Names and values; a secret value prints as ***.
    public var headers: [(name: String, value: Secret)]
    public var body: Body
    /// Most seconds the whole exchange may take.
    public var timeoutSeconds: Int
    /// Whether the request may be sent again when the connection breaks. False for everything that costs
    /// money.
    public var isRepeatable: Bool
    /// The call is not begun after this moment; nil: whenever its turn comes.
    public var beginBefore: ContinuousClock.Instant?
    /// Members of the reply whose text is media, as base64: the reply goes to the disk, and they are taken
    /// out of it. Not nil, though it may be empty: the reply is the result, and the call lasts as long as
    /// that takes.
    public var mediaMembers: Set<String>?
    /// Gives the headers that sign the call, as it leaves: by the SHA-256 of its body, as hex, and the time.
    public var signing: Signing?

    public typealias Signing = @Sendable (_ bodyHash: String, _ now: Timestamp) -> [Header]
    public typealias Header = (name: String, value: Secret)

    public init(
        _ method: Method, _ url: String, headers: [(name: String, value: Secret)] = [], body: Body = .none,
        timeoutSeconds: Int = 60, isRepeatable: Bool = true
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeoutSeconds = timeoutSeconds
        self.isRepeatable = isRepeatable
    }
}

extension HTTPCall {
    /// curl sends header lines as they are: a line break in a value would begin a header, or a request, of
    /// the value's own making. Credentials are the only values that are not ours.
    func checkHeaders() throws(KinoraError) {
        for (name, value) in headers {
            var text = value.revealed()
            guard text.withUTF8({ $0.contains { $0 < 0x20 || $0 == 0x7F } }) else { continue }
            throw KinoraError(.upstreamCredential, detail: "control characters in the header '\(name)'")
        }
    }

    /// The URL for people: without a user part, which may hold a password, and without a query, which may be
    /// signed.
    var place: String {
        let pieces = url.prefix { $0 != "?" && $0 != "#" }.split(
            separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard pieces.count >= 3, let at = pieces[2].lastIndex(of: "@") else {
            return pieces.joined(separator: "/")
        }
        return ([pieces[0], pieces[1], pieces[2][pieces[2].index(after: at)...]] + pieces[3...])
            .joined(separator: "/")
    }
}

/// Where a reply's body goes.
public enum ReplySink: Sendable {
    /// Into memory; longer bodies are an error.
    case memory(bytesMax: Int)
    /// Only the first bytes, into memory. A reply that goes on after them is not read any further, and is a
    /// reply all the same.
    case beginning(bytesMax: Int)
    /// Into a new file at this path; the file is the caller's to keep or remove.
    case file(path: String, bytesMax: Int)
    /// To whoever reads the reply as it comes (`CurlLines`).
    case reader
}

/// What came back.
public struct HTTPReply: Sendable {
    public let status: Int
    private let head: Head
    /// Empty when the body went into a file.
    public let body: [UInt8]
    /// Bytes that were written to the file.
    public let fileBytes: Int
    /// Of the account that asked.
    private let credential: Secret?

    private enum Head {
        case lines(ReplyHead)
        case headers([String: String])
    }

    public init(
        status: Int, headers: [String: String] = [:], body: [UInt8] = [], fileBytes: Int = 0,
        to credential: Secret? = nil
    ) {
        self.init(status, .headers(headers), body, fileBytes, credential)
    }

    init(status: Int, _ head: ReplyHead, body: [UInt8], fileBytes: Int = 0, to credential: Secret) {
        self.init(status, .lines(head), body, fileBytes, credential)
    }

    private init(_ status: Int, _ head: Head, _ body: [UInt8], _ fileBytes: Int, _ credential: Secret?) {
        self.status = status
        self.head = head
        self.body = body
        self.fileBytes = fileBytes
        self.credential = credential
    }

    /// Lower-case names.
    public var headers: [String: String] {
        switch head {
        case .lines(let head): head.headers
        case .headers(let headers): headers
        }
    }

    /// The same with another status or body.
    public func with(status: Int? = nil, body: [UInt8]? = nil) -> HTTPReply {
        HTTPReply(status ?? self.status, head, body ?? self.body, fileBytes, credential)
    }

    /// The beginning, for people. The credential is blotted out before the end is cut off, or the half of it
    /// that is left would not be known again.
    var excerpt: String {
        let text = String(decoding: body.prefix(Self.excerptBytesMax * 100), as: UTF8.self)
        let blotted = credential?.blotted(outOf: text) ?? text
        return "HTTP \(status) \(String(decoding: blotted.utf8.prefix(Self.excerptBytesMax), as: UTF8.self))"
    }

    private static let excerptBytesMax = 300

    /// Seconds that the vendor asks to wait, in whichever of its forms (RFC 9110, 10.2.3); nil when it names
    /// none or nonsense.
    public var retryAfterSeconds: Int? {
        let headers = headers
        if let milliseconds = headers["retry-after-ms"].flatMap(Double.init) {
            return Self.waiting(milliseconds / 1000)
        }
        guard let text = headers["retry-after"] else { return nil }
        if let seconds = Double(text) { return Self.waiting(seconds) }
        // A date is one of the clock that made it.
        guard let now = headers["date"].flatMap(HTTPDate.init), let moment = HTTPDate(text) else {
            return nil
        }
        return Self.waiting(max(0, (moment.timestamp - now.timestamp).inSeconds))
    }

    private static func waiting(_ seconds: Double) -> Int? {
        seconds >= 0 ? Int(min(seconds, Double(Limits.retryAfterSecondsMax)).rounded(.up)) : nil
    }
}

/// A call that brought no reply.
public struct TransportFailure: Error, Sendable {
    public let error: KinoraError
    /// Whether bytes of the request may have reached the vendor. False only when that is certain.
    public let mayHaveArrived: Bool

    public init(_ error: KinoraError, mayHaveArrived: Bool) {
        self.error = error
        self.mayHaveArrived = mayHaveArrived
    }
}

/// Sends calls. Real: CurlTransport. In tests of the engine: one that answers by script.
public protocol Transport: Sendable {
    /// `completion` runs exactly once, on a thread of the transport: it must only hand over.
    func send(
        _ call: HTTPCall, to account: VendorAccount, into sink: ReplySink,
        completion: @escaping @Sendable (Result<HTTPReply, TransportFailure>) -> Void)
}
