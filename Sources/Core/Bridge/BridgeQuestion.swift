/// What is asked of the bridge that changes nothing there: what an upstream account knows and no official API
/// tells.
public enum BridgeQuestion: Sendable, Equatable {
    /// A code by which somebody new may join, of whichever account has one left.
    case inviteCode
    case profile(username: String)
    case userFeed(userID: String, FeedPage)
    case search(PeopleSearch)
    /// `cut` is `nf2_latest` or `nf2_top`.
    case feed(cut: String, FeedPage)
    case enhance(PromptWish)
    /// Unfinished tasks of the account, whoever began them; by the first or the second of two lists.
    case pendingTasks(list: Int)
    case pendingTask(id: String)
    /// What the account itself has published.
    case ownFeed(limit: Int)

    /// Whether only operators may ask: the answer tells of the account itself, or of what others do with it.
    public var isForOperators: Bool {
        switch self {
        case .inviteCode, .pendingTasks, .pendingTask, .ownFeed: true
        case .profile, .userFeed, .search, .feed, .enhance: false
        }
    }
}

public struct FeedPage: Sendable, Equatable {
    public let limit: Int
    /// Where the page before has ended; nil: the first page.
    public let cursor: String?

    public init(limit: Int, cursor: String? = nil) {
        self.limit = limit
        self.cursor = cursor
    }
}

public struct PeopleSearch: Sendable, Equatable {
    public let username: String
    /// `users`: anybody; `cameo`: those who may be put into videos.
    public let intent: String
    public let limit: Int

    public init(username: String, intent: String, limit: Int) {
        self.username = username
        self.intent = intent
        self.limit = limit
    }
}

/// A prompt that is to be written out.
public struct PromptWish: Sendable, Equatable {
    public let prompt: String
    /// `short`, `medium` or `long`.
    public let level: String
    /// Length of the film that it is for; nil: not said.
    public let seconds: Int?

    public init(prompt: String, level: String, seconds: Int?) {
        self.prompt = prompt
        self.level = level
        self.seconds = seconds
    }
}

/// What the bridge has answered. Objects are as the upstream has them: clients get them as they are.
public enum BridgeAnswer: Sendable, Equatable {
    /// Nil: no account has one left.
    case invite(Invite?)
    case profile(JSONObject)
    case page([JSON], cursor: String?)
    case people([JSON])
    case prompt(String)
    case tasks([JSON])
    case task(JSONObject)
}

public struct Invite: Sendable, Equatable {
    public let code: String
    public let remaining: Int64
    public let total: Int64
    /// Of the account that invites.
    public let email: String?

    public init(code: String, remaining: Int64, total: Int64, email: String?) {
        self.code = code
        self.remaining = remaining
        self.total = total
        self.email = email
    }
}

/// An account as the bridge knows it: by name, without its credential.
public struct BridgeAccount: Sendable, Equatable {
    public let row: Int64
    public let vendor: String
    public let name: String

    public init(row: Int64, vendor: String, name: String) {
        self.row = row
        self.vendor = vendor
        self.name = name
    }
}
