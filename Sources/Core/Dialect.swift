/// One client API. Translates only: it does no I/O and knows no vendor.
public protocol Dialect: Sendable {
    /// Short name, kept with each task.
    var name: String { get }
    var routes: [Route] { get }
    /// Prefixes under which the routes that need a key exist a second time, for the models of one family:
    /// `jimeng` serves `/jimeng/v1/…` with those of Jimeng.
    var mounts: [String] { get }
    func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command
    func encode(_ outcome: Outcome, for exchange: Exchange) -> Response
    func encode(_ error: KinoraError, for exchange: Exchange) -> Response
    /// What a stream that has begun says last, when it ends by an error. Empty: nothing.
    func lastWords(on error: KinoraError, for exchange: Exchange) -> [UInt8]
}

extension Dialect {
    public func lastWords(on error: KinoraError, for exchange: Exchange) -> [UInt8] { [] }
}

extension Dialect {
    public var mounts: [String] { [] }
}

extension Dialect {
    /// What a key means by an address. A prefix says it already; without one the key may.
    public func match(_ match: RouteMatch, as options: KeyOptions) -> RouteMatch {
        let prefix = options.dialect.rawValue
        guard match.mount == nil, match.route.pattern.first == "v1", mounts.contains(prefix) else {
            return match
        }
        return RouteMatch(route: match.route, values: match.values, mount: prefix)
    }
}

/// One endpoint of a dialect.
public struct Route: Sendable, Equatable {
    public enum Access: Sendable { case key, open }
    public enum Body: Sendable {
        case none
        /// JSON, urlencoded or multipart, within Limits.
        case jsonOrForm
        /// JSON, kept as the bytes that it is.
        case rawJSON
        /// Lines of JSON, kept as the bytes that they are.
        case lines
    }

    public let method: Method
    /// Path segments; one that starts with `:` matches any text and names it.
    public let pattern: [String]
    public let access: Access
    public let body: Body

    public init(_ method: Method, _ path: String, access: Access = .key, body: Body = .none) {
        self.method = method
        self.pattern = path.split(separator: "/").map(String.init)
        self.access = access
        self.body = body
    }
}

/// A route and what its named segments matched.
public struct RouteMatch: Sendable {
    public let route: Route
    public let values: [String]
    /// The prefix that it was found under, or that the key stands for; nil: neither.
    public let mount: String?

    public init(route: Route, values: [String], mount: String? = nil) {
        self.route = route
        self.values = values
        self.mount = mount
    }
}

/// What a dialect may know when it answers.
public struct Exchange: Sendable {
    /// Nil when no route was found.
    public var match: RouteMatch?
    public var path: RequestPath?
    public var method: Method?
    public var options: KeyOptions
    /// Scheme, host and port under which the client reaches this instance; empty where nobody knows.
    public var origin: String

    public init(
        match: RouteMatch? = nil, path: RequestPath? = nil, method: Method? = nil,
        options: KeyOptions = KeyOptions(), origin: String = ""
    ) {
        self.match = match
        self.path = path
        self.method = method
        self.options = options
        self.origin = origin
    }
}
