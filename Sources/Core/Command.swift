/// What a request asks for, in Kinora's own words: the far side of every dialect.
public enum Command: Sendable {
    case submit(Submission)
    /// What a call of any client API would cost.
    case estimate(EnclosedCall)
    /// How the caller's quota stands, and what such a submission would cost.
    case credits(of: Submission)
    /// A task of the caller. Waits up to `waitSeconds` for it to end; 0 answers at once.
    case task(TaskReference, waitSeconds: Int)
    /// The end of a submit that asked to wait: like `task`, but the wait running out or a failure is an
    /// error.
    case awaitResult(TaskReference, waitSeconds: Int)
    /// What a task has made. Waits for its end like `awaitResult`, and any other end is an error.
    case results(TaskReference, waitSeconds: Int, ResultForm)
    /// A task of the caller, and every change of it until its end; with links to what it has made, as
    /// `report`. `lastEvent` is what a client that comes back has heard last; empty: it is new.
    case follow(TaskReference, withLinks: Bool, lastEvent: String)
    case tasks(TaskPage)
    /// A task with links to what it has made. Waits like `task`.
    case report(TaskReference, waitSeconds: Int)
    case reports(ReportPage)
    /// How busy what makes a family's models is.
    case stats(family: String)
    case content(TaskReference)
    case delete(TaskReference)
    /// How the caller's quota stands.
    case quota
    /// Adds what a code is worth to the caller's quota.
    case redeem(String)
    /// Ends an unfinished task of the caller at once. Gives the task, a cancelled one as well.
    case cancel(TaskReference)
    /// A text model is asked; the request goes on as it is.
    case relay(RelayRequest)
    /// Something of an upstream account that no official API tells. The account by its row; nil: the first
    /// that will do.
    case ask(BridgeQuestion, account: Int64?)
    case makeCameo(CameoDraft)
    case cameos
    /// A character of the caller, by the id that Kinora or the upstream gave it.
    case cameo(String)
    case deleteCameo(String)
    /// What the caller has had made.
    case callerStats
    /// Models that the caller may use.
    case models(ModelFilter)
    case model(String, family: String? = nil)
    /// Many submits, each in the words of its own API.
    case batch(Batch)
    /// All models that some account can run, whoever may use them: for the description of the API.
    case catalogue
    /// A stored result by a link that Kinora signed.
    case signedMedia(name: String, expires: String, signature: String)
    case vendorCallback(VendorCallback)
    case health
}

/// A request for media, before the model's rules are applied.
public struct Submission: Sendable {
    public var dialect: String
    /// Nil: the model of the task that is remixed, or the usual one.
    public var model: String?
    /// Only models of this family; nil: of any.
    public var family: String?
    /// Only models that this vendor makes first; nil: whoever does.
    public var provider: String?
    public var kind: MediaKind
    /// How the model is used; nil: as what is given tells.
    public var category: Category?
    public var prompt: String
    public var parameters: [GivenParameter]
    public var references: [Reference]
    /// What the client's API calls the pictures that a model may need, for errors; the last name is also that
    /// of all that follow.
    public var pictureFields = ["image"]
    public var remixOf: TaskReference?
    public var userIdentifier: String?
    public var idempotencyKey: String?
    /// SHA-256 of method, path and body, 64 hex digits: tells a repeated request from another one. Empty
    /// without an Idempotency-Key.
    public var fingerprint: String
    /// Nil: answer at once. Otherwise wait so many seconds for the end.
    public var waitSeconds: Int?
    /// Whoever waits is told of the task as `report` does it, with links, whatever has become of it.
    public var isReported = false
    /// The results are wanted and not the task: waits for them as long as is usual where `waitSeconds` names
    /// no time. Nil: the task is wanted.
    public var resultForm: ResultForm?
    /// A character that is made first. It is put into the prompt; where that says nothing, it is all that is
    /// wanted. Only in a chat.
    public var cameo: CameoDraft?

    public init(
        dialect: String, model: String?, kind: MediaKind, category: Category? = nil, prompt: String,
        parameters: [GivenParameter] = [],
        references: [Reference] = [], remixOf: TaskReference? = nil, userIdentifier: String? = nil,
        idempotencyKey: String? = nil, fingerprint: String = "", waitSeconds: Int? = nil,
        resultForm: ResultForm? = nil
    ) {
        self.dialect = dialect
        self.model = model
        self.kind = kind
        self.category = category
        self.prompt = prompt
        self.parameters = parameters
        self.references = references
        self.remixOf = remixOf
        self.userIdentifier = userIdentifier
        self.idempotencyKey = idempotencyKey
        self.fingerprint = fingerprint
        self.waitSeconds = waitSeconds
        self.resultForm = resultForm
    }
}

/// Media given with a request.
public struct Reference: Sendable {
    public enum Source: Sendable {
        case uploaded(UploadedFile)
        case bytes([UInt8])
        /// An address of http or https, fetched before the task is accepted.
        case url(String)
    }

    public let source: Source
    /// The request field it came in, for errors.
    public let field: String
    /// What the client says it is; nil: what its bytes say.
    public let family: MediaType.Family?

    public init(_ source: Source, field: String, family: MediaType.Family? = nil) {
        self.source = source
        self.field = field
        self.family = family
    }

    /// Whether it must be fetched from elsewhere.
    public var isRemote: Bool {
        if case .url = source { true } else { false }
    }

    /// What it is taken for before its bytes are at hand.
    public var expectedFamily: MediaType.Family {
        if let family { return family }
        if case .uploaded(let file) = source, let type = file.mediaType { return type.family }
        return .image
    }
}

/// One page of a caller's tasks.
public struct TaskPage: Sendable, Equatable {
    public enum Order: String, Sendable { case asc, desc }

    public var kind: MediaKind
    public var limit: Int
    public var order: Order
    /// The last task of the page before.
    public var after: TaskReference?

    public init(kind: MediaKind, limit: Int, order: Order, after: TaskReference? = nil) {
        self.kind = kind
        self.limit = limit
        self.order = order
        self.after = after
    }
}
