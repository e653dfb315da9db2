/// A character that somebody wants made of a video.
public struct CameoDraft: Sendable {
    /// As the client names it; nil: the usual one.
    public var model: String?
    /// Only models of this family; nil: of any.
    public var family: String?
    public var video: Reference
    /// From which second of the video to which, as `0,3`.
    public var timestamps: String
    /// Without @; nil: the upstream chooses.
    public var username: String?
    public var displayName: String?
    public var instructionSet: String?
    public var safetyInstructionSet: String?
    /// False where the video may as well be a reference: the model's family tells.
    public var isAskedFor = true
    public var idempotencyKey: String?
    /// As of a submission: tells a repeated request from another one. Empty without an Idempotency-Key.
    public var fingerprint = ""

    public init(video: Reference, timestamps: String) {
        self.video = video
        self.timestamps = timestamps
    }

    /// The model of a request that names none.
    public static let usualModel = "sora-video-10s"
}

/// A character of a user.
public struct Cameo: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable {
        /// It is not known to be made.
        case processing
        case finalized
    }

    public let uid: TaskID
    public let state: State
    public let model: String
    /// What the upstream calls it in prompts; nil until it is made.
    public let cameoID: String?
    public let characterID: String?
    public let username: String
    public let displayName: String
    public let profileURL: String?
    public let instructionSet: String
    public let safetyInstructionSet: String
    public let createdAt: Timestamp
    public let updatedAt: Timestamp

    public init(
        uid: TaskID, state: State, model: String, cameoID: String?, characterID: String?, username: String,
        displayName: String, profileURL: String?, instructionSet: String, safetyInstructionSet: String,
        createdAt: Timestamp, updatedAt: Timestamp
    ) {
        self.uid = uid
        self.state = state
        self.model = model
        self.cameoID = cameoID
        self.characterID = characterID
        self.username = username
        self.displayName = displayName
        self.profileURL = profileURL
        self.instructionSet = instructionSet
        self.safetyInstructionSet = safetyInstructionSet
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }

    /// As clients name it.
    public var id: String { Self.prefix + uid.short }
    public static let prefix = "char_"
}

/// What the bridge has made.
public struct MadeCameo: Sendable, Equatable {
    public let cameoID: String
    public let characterID: String?
    public let username: String
    public let displayName: String
    public let profileURL: String?

    public init(
        cameoID: String, characterID: String?, username: String, displayName: String, profileURL: String?
    ) {
        self.cameoID = cameoID
        self.characterID = characterID
        self.username = username
        self.displayName = displayName
        self.profileURL = profileURL
    }
}
