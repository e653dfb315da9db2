public enum Method: String, Sendable {
    case get = "GET", head = "HEAD", post = "POST", put = "PUT", patch = "PATCH", delete = "DELETE", options =
        "OPTIONS"
}

/// The head of one HTTP request as nginx hands it over: only the parameters that nginx/parts/fastcgi.conf
/// names.
public struct RequestHead: Sendable {
    public var method: Method?
    /// Raw request target, path and query as the client sent them.
    public var target: String
    public var contentType: String
    /// Nil when the client named no length.
    public var contentLengthBytes: Int?
    public var clientAddress: String
    /// Scheme, host and port that the client asked for, as nginx vouches for them; empty without nginx.
    public var origin = ""
    /// The prefix of the API that is the only one at this host, as nginx knows it; nil: all of them.
    public var hostDialect: String?
    /// Whether nginx only asks if the body of this request may come. Nothing of it has been sent yet.
    public var asksAdmission = false
    public var requestID: String
    public var authorization: Secret
    public var apiKeyHeader: Secret
    public var idempotencyKey: String
    public var prefer: String
    public var accept: String
    /// ETags of what the client has already.
    public var ifNoneMatch = ""
    /// What a client that follows events and comes back has heard last.
    public var lastEventID = ""
    public var userAgent: String
    /// Other request headers, lower-case names: all for the sandbox, else those by which vendors sign.
    public var headers: [String: String]

    public init(
        method: Method?, target: String, contentType: String = "", contentLengthBytes: Int? = nil,
        clientAddress: String = "", requestID: String = "", authorization: Secret = Secret(""),
        apiKeyHeader: Secret = Secret(""), idempotencyKey: String = "", prefer: String = "",
        accept: String = "",
        userAgent: String = "", headers: [String: String] = [:]
    ) {
        self.method = method
        self.target = target
        self.contentType = contentType
        self.contentLengthBytes = contentLengthBytes
        self.clientAddress = clientAddress
        self.requestID = requestID
        self.authorization = authorization
        self.apiKeyHeader = apiKeyHeader
        self.idempotencyKey = idempotencyKey
        self.prefer = prefer
        self.accept = accept
        self.userAgent = userAgent
        self.headers = headers
    }
}

/// What a dialect decodes: head, path segments, query and a body that has been read within its limits.
public struct Request: Sendable {
    public let head: RequestHead
    public let path: RequestPath
    public let body: RequestBody

    public init(head: RequestHead, path: RequestPath, body: RequestBody) {
        self.head = head
        self.path = path
        self.body = body
    }
}

/// A request body after intake. Files of a form lie in the spool directory until the request ends.
public enum RequestBody: Sendable {
    case none
    case json(JSON)
    /// JSON that nobody has looked at yet.
    case raw([UInt8])
    case form(Form)
}
