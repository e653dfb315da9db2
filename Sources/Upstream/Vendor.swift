public import Core

/// One upstream's wire format. Builds calls and reads replies; never sends, sleeps, logs or stores.
public protocol Vendor: Sendable {
    /// As in route.vendor and account.vendor.
    var name: String { get }
    /// Shortest and longest sensible time between two polls of a task.
    var pollInterval: ClosedRange<Duration> { get }

    /// How many tasks an account runs at once, where its operator does not say.
    var usualSlots: Int { get }

    func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall
    /// What a submit's reply accepts. Throws what the reply refuses it with. Few vendors need the job for
    /// that, and it takes some making.
    func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer
    /// Of vendors that make one thing for each submit, and take one submit at a time: what a ticket says of
    /// its task. Nil: all of a task is one submit.
    func parts(of ticket: String) -> VendorParts?
    func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall
    /// What a poll's reply says. Throws when the poll failed; a task that failed is `.failed`.
    func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress
    /// What the reply that tells a task is done says of what that took: tokens, seconds, units, credits, an
    /// object in the vendor's own words. Nil: nothing.
    func usage(in reply: HTTPReply) -> JSON?
    /// Lists recent tasks of the account, or asks by our own id of the job, to find one of that kind whose
    /// submit was not answered. Nil: the vendor can do neither.
    func lookUp(_ kind: MediaKind) -> (@Sendable (VendorJob, VendorAccount) -> HTTPCall)?
    /// What a look-up's reply says about `job`. Throws when the look-up failed.
    func found(
        _ reply: HTTPReply, for job: VendorJob, _ account: VendorAccount
    ) throws(KinoraError) -> LookUpPage
    /// What any reply that is no success says, by the vendor's own table of errors.
    func error(of reply: HTTPReply) -> KinoraError
    /// What a download's reply refuses it with; nil for a good one.
    func contentError(_ reply: HTTPReply) -> KinoraError?
    /// Whether the vendor signs its callbacks. False: the address alone tells that they are its own.
    var signsCallbacks: Bool { get }
    /// Whether a callback has the signature of a vendor that signs, by a key of the account.
    func isGenuine(_ callback: VendorCallback, _ account: VendorAccount) -> Bool
    /// Asks the vendor to stop a task; what came of it the next poll tells. Nil: the vendor cannot.
    func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall?
    /// Has the vendor forget a task that has ended, its media included. Nil: the vendor cannot.
    func removal(of ticket: String, _ account: VendorAccount) -> HTTPCall?
    /// What a removal's reply refuses it with; nil when the task is gone.
    func removalError(_ reply: HTTPReply) -> KinoraError?
    /// Asks something cheap that needs the account's credential and changes nothing.
    func probe(_ account: VendorAccount) -> HTTPCall
    /// Reads a probe's reply. Throws what it refuses the account with.
    func probed(_ reply: HTTPReply) throws(KinoraError)
    /// Asks, in this order, for what tells the account's credit. Empty: the vendor does not tell it.
    func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall]
    /// The credit left, in micro-units, by the replies to `balance`; nil: without limit. Throws what they
    /// refuse it with.
    func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64?
    /// Carries a request to a text model, whose id `model` is there. Nil: the vendor has none.
    func relay(_ request: RelayRequest, as model: String, _ account: VendorAccount) -> HTTPCall?
    /// What the answer of a text model says was used; nil: it does not say. Throws what it refuses the
    /// request with: words of a refusal that is the client's own doing are in the message, and name no
    /// account.
    func relayed(_ reply: HTTPReply) throws(KinoraError) -> TokenUsage?
}

extension Vendor {
    public func relay(_ request: RelayRequest, as model: String, _ account: VendorAccount) -> HTTPCall? {
        nil
    }

    public func relayed(_ reply: HTTPReply) throws(KinoraError) -> TokenUsage? {
        throw KinoraError(.unsupportedByVendor, detail: "\(name) has no text models")
    }
}

extension Vendor {
    public var usualSlots: Int { 4 }

    public func parts(of ticket: String) -> VendorParts? { nil }

    public func lookUp(_ kind: MediaKind) -> (@Sendable (VendorJob, VendorAccount) -> HTTPCall)? { nil }

    public func found(
        _ reply: HTTPReply, for job: VendorJob, _ account: VendorAccount
    ) throws(KinoraError) -> LookUpPage {
        throw KinoraError(.unsupportedByVendor, detail: "\(name) lists no tasks")
    }

    public var signsCallbacks: Bool { false }

    public func isGenuine(_ callback: VendorCallback, _ account: VendorAccount) -> Bool { false }

    public func cancel(_ ticket: String, _ account: VendorAccount) -> HTTPCall? { nil }

    public func removal(of ticket: String, _ account: VendorAccount) -> HTTPCall? { nil }

    public func balance(_ account: VendorAccount, at now: Timestamp) -> [HTTPCall] { [] }

    public func credits(_ replies: [HTTPReply]) throws(KinoraError) -> Int64? {
        throw KinoraError(.unsupportedByVendor, "The service does not tell what credit it has.")
    }
}

/// What became of a submit.
public enum VendorAnswer: Sendable {
    /// The vendor took the task and calls it so.
    case ticket(String)
    /// It is done already.
    case made([VendorResult])
    /// It said no, in a reply that calls itself a success.
    case refused(KinoraError)
}

/// One of the things a task has made.
public struct VendorResult: Sendable {
    public enum Source: Sendable {
        /// It came with the reply: its place among what `HTTPCall.mediaMembers` took out of that.
        case media(Int)
        /// Where anybody can fetch it: no key goes there.
        case link(String)
        case call(HTTPCall)
        /// What a poll of the ticket tells.
        case told(of: String)
    }

    public let source: Source
    /// What the vendor made of the prompt; nil when it does not say.
    public let revisedPrompt: String?

    public init(_ source: Source, revisedPrompt: String? = nil) {
        self.source = source
        self.revisedPrompt = revisedPrompt
    }
}

/// What a poll found.
public enum VendorProgress: Sendable {
    /// Percent is nil when the vendor tells none.
    case pending(percent: Int?, isPostprocessing: Bool)
    /// It is done, and what came of it another reply tells, which `progress` reads too.
    case told(by: HTTPCall)
    case completed([VendorResult])
    case failed(KinoraError)
}

/// A task that is several tasks of its vendor, one after the other.
public struct VendorParts: Sendable, Equatable {
    /// Tickets of those that were done before the last one was submitted. That one is polled and told of by
    /// the ticket of them all.
    public let earlier: [String]
    /// Tickets of those that are known to be done, without another poll.
    public let done: [String]
    /// What the task is called while its next part is being submitted. Who finds it called so does not know
    /// what became of that, and asks for no more. Nil: nothing more is to be submitted.
    public let asking: String?

    public init(earlier: [String], done: [String], asking: String?) {
        self.earlier = earlier
        self.done = done
        self.asking = asking
    }
}

/// One page of a vendor's recent tasks, compared with a task whose submit was not answered.
public struct LookUpPage: Sendable {
    /// Ids that may be the task's, oldest first.
    public let candidates: [String]
    /// Fetches the page after this one, when this one does not reach back to the submit.
    public let nextPage: HTTPCall?
    /// Whether everything else on the page is certainly another task. When nothing is found on pages of which
    /// one is unclear, it stays unknown whether the task arrived.
    public let isClear: Bool

    public init(candidates: [String], nextPage: HTTPCall?, isClear: Bool) {
        self.candidates = candidates
        self.nextPage = nextPage
        self.isClear = isClear
    }
}

/// A task as a vendor needs it.
public struct VendorJob: Sendable {
    public let model: String
    public let category: Category
    public let prompt: String
    public let parameters: Parameters
    /// Files on this machine.
    public let references: [VendorReference]
    /// The vendor's own id of the task to remix.
    public let remixOf: String?
    /// Unguessable, unique for each attempt: idempotency key where the upstream honours one.
    public let token: String
    /// Where the vendor may say that something happened to the task; nil: nowhere. Holds a secret of the
    /// task's own.
    public let callbackURL: String?
    /// When the attempt began.
    public let startedAt: Timestamp
    /// How long it may still take.
    public let timeLeft: Duration
    /// What the vendor calls the part of it that is done; nil when nothing was submitted before.
    public let ticket: String?

    public init(
        model: String, category: Category, prompt: String, parameters: Parameters,
        references: [VendorReference],
        remixOf: String?, token: String, callbackURL: String? = nil, startedAt: Timestamp,
        timeLeft: Duration, ticket: String? = nil
    ) {
        self.model = model
        self.category = category
        self.prompt = prompt
        self.parameters = parameters
        self.references = references
        self.remixOf = remixOf
        self.token = token
        self.callbackURL = callbackURL
        self.startedAt = startedAt
        self.timeLeft = timeLeft
        self.ticket = ticket
    }
}

public struct VendorReference: Sendable {
    public let path: String
    public let type: MediaType
    public let bytes: Int64
    /// Where a vendor can fetch it, for vendors that take no bytes; nil: this instance is not to be reached.
    public let link: String?

    public init(path: String, type: MediaType, bytes: Int64, link: String? = nil) {
        self.path = path
        self.type = type
        self.bytes = bytes
        self.link = link
    }
}

/// An account as a vendor needs it: address and opened credential.
public struct VendorAccount: Sendable {
    public let row: Int64
    public let baseURL: String
    public let credential: Secret
    public let proxyURL: String?

    public init(row: Int64, baseURL: String, credential: Secret, proxyURL: String? = nil) {
        self.row = row
        self.baseURL = baseURL
        self.credential = credential
        self.proxyURL = proxyURL
    }

    /// The base URL without trailing slashes, and a path.
    public func url(_ path: String) -> String {
        var base = baseURL.utf8[...]
        while base.last == UInt8(ascii: "/") { base.removeLast() }
        return String(Substring(base)) + path
    }
}
