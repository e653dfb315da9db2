/// What a command gave, in Kinora's own words; a dialect spells it.
public enum Outcome: Sendable {
    /// A task was accepted. Replays of the same Idempotency-Key give the same.
    case accepted(MediaTask)
    /// A submit that waits was accepted on a thread that must not wait: nginx brings it to one that may.
    case acceptedWaiting(MediaTask, waitSeconds: Int)
    /// Nothing was done yet: nginx brings the whole request to a thread that may wait.
    case needsPatience
    case task(MediaTask)
    /// What a task has made, in order; never empty.
    case results(MediaTask, [MadeMedia])
    case tasks([MediaTask], hasMore: Bool)
    case report(TaskReport)
    /// `total` are there of them among the caller's newest tasks.
    case reports([TaskReport], total: Int)
    case stats(FamilyStats)
    /// Bytes, and where nginx finds them: a path of an internal location.
    case content(StoredMedia, at: String)
    /// A signed link of the same origin, as path and query.
    case link(String)
    case deleted(MediaTask)
    case estimate(Estimate)
    case credits(Credits)
    case quota(Quota)
    case redeemed(Amount, Quota)
    /// What a task has made, as the answer of a chat with a model of that family; never empty.
    case told(MediaTask, [MadeMedia], family: String)
    /// The same while it comes about. `wantsUsage`: the client asked to hear what was used.
    case telling(TaskCourse, family: String, wantsUsage: Bool)
    /// A task, and every change of it until its end.
    case following(TaskCourse)
    /// A client that follows a task comes back, and has heard of its end.
    case nothingNew
    /// A chat that has made a character and nothing else.
    case toldCameo(Cameo, family: String, isStreamed: Bool)
    /// The answer of a text model, byte for byte as it came.
    case relayed([UInt8])
    /// The same, event by event; the first one is there.
    case relaying(BodyStream)
    /// What the bridge has answered about an account; nil: about one that nobody named.
    case bridged(BridgeQuestion, BridgeAnswer, account: Int64?)
    case madeCameo(Cameo)
    case cameos([Cameo])
    case cameo(Cameo)
    case deletedCameo(Cameo)
    case callerStats(CallerStats)
    /// What became of each line.
    case batch([Batch.Reply])
    case models([Model])
    case model(Model)
    /// A vendor's callback was taken, whether or not it changed anything.
    case noted
    case health(Health)
    /// The outcome of a submit by a caller with a limit of requests per minute, and what is left of it.
    indirect case limited(Outcome, Allowance)
}

/// How a client wants to have results.
public enum ResultForm: String, Sendable {
    case link = "url"
    case base64 = "b64_json"
}

/// A result as its owner gets it.
public struct MadeMedia: Sendable {
    public enum Body: Sendable {
        /// A signed link of the same origin, as path and query.
        case link(String)
        case file(any LocalFile)
    }

    public let body: Body
    /// What the vendor made of the prompt; nil when it does not say.
    public let revisedPrompt: String?

    public init(_ body: Body, revisedPrompt: String? = nil) {
        self.body = body
        self.revisedPrompt = revisedPrompt
    }
}

/// A result of a task as it is kept.
public struct TaskResult: Sendable, Equatable {
    public let media: StoredMedia
    /// What the vendor made of the prompt; nil when it did not say.
    public let revisedPrompt: String?

    public init(_ media: StoredMedia, revisedPrompt: String? = nil) {
        self.media = media
        self.revisedPrompt = revisedPrompt
    }
}

/// Finished bytes in the media store.
public struct StoredMedia: Sendable, Equatable {
    /// SHA-256 of the bytes, 64 hex digits.
    public let sha256: String
    public let bytes: Int64
    public let type: MediaType

    public init(sha256: String, bytes: Int64, type: MediaType) {
        self.sha256 = sha256
        self.bytes = bytes
        self.type = type
    }

    /// Where the bytes lie below the media directory, and the name of the object in a bucket.
    public var relativePath: String { "\(sha256.prefix(2))/\(sha256).\(type.fileExtension)" }
}

/// Whether the parts that Kinora needs answer.
public struct Health: Sendable, Equatable {
    public let isDatabaseUp: Bool
    public let version: String

    public init(isDatabaseUp: Bool, version: String) {
        self.isDatabaseUp = isDatabaseUp
        self.version = version
    }
}
