/// One accepted request for media, as its owner sees it. (Swift has a `Task` of its own.)
public struct MediaTask: Sendable, Equatable {
    /// The internal row number; never shown to a client.
    public let row: Int64
    public let id: TaskID
    public let model: String
    public let kind: MediaKind
    public let category: Category
    public let state: TaskState
    public let phase: TaskPhase?
    /// Percent; 100 only when the result is stored.
    public let progress: Int
    public let prompt: String
    /// Parameters after checks and defaults, in Kinora's names.
    public let parameters: Parameters
    public let remixOf: RemixSource?
    public let failure: TaskFailure?
    /// What its owner pays if it succeeds.
    public let price: Amount
    public let createdAt: Timestamp
    public let startedAt: Timestamp?
    public let finishedAt: Timestamp?

    public init(
        row: Int64, id: TaskID, model: String, kind: MediaKind, category: Category, state: TaskState,
        phase: TaskPhase? = nil, progress: Int, prompt: String, parameters: Parameters,
        remixOf: RemixSource? = nil,
        failure: TaskFailure? = nil, price: Amount = Amount(micros: 0), createdAt: Timestamp,
        startedAt: Timestamp? = nil, finishedAt: Timestamp? = nil
    ) {
        self.row = row
        self.id = id
        self.model = model
        self.kind = kind
        self.category = category
        self.state = state
        self.phase = phase
        self.progress = progress
        self.prompt = prompt
        self.parameters = parameters
        self.remixOf = remixOf
        self.failure = failure
        self.price = price
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
    }
}

/// How far a task is, as its client sees it.
public struct TaskStanding: Sendable, Equatable {
    public let state: TaskState
    public let progress: Int
    /// Whether the vendor is working on what it has made already.
    public let isPostprocessing: Bool

    public init(state: TaskState, progress: Int, isPostprocessing: Bool = false) {
        self.state = state
        self.progress = progress
        self.isPostprocessing = isPostprocessing
    }

    /// By which a client that comes back says what it has heard last.
    public var eventID: String {
        "\(isPostprocessing ? TaskPhase.postprocessing.rawValue : state.rawValue)-\(progress)"
    }
}

extension MediaTask {
    public var standing: TaskStanding {
        TaskStanding(state: state, progress: progress, isPostprocessing: phase == .postprocessing)
    }
}

/// The task that a remix came from: enough to spell its id.
public struct RemixSource: Sendable, Equatable {
    public let id: TaskID
    public let model: String

    public init(id: TaskID, model: String) {
        self.id = id
        self.model = model
    }
}

/// Why a task failed, in words safe for its owner.
public struct TaskFailure: Sendable, Equatable {
    /// A code of docs/errors.md.
    public let code: String
    public let message: String

    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}

/// Parameters of a task in Kinora's names (`seconds`, `size`, `style` ...), in the order of the model's
/// rules.
public typealias Parameters = JSONObject

extension Parameters {
    /// The parameter by which a client lets a task wait for quiet hours.
    public static let offPeak = "off_peak"

    public var isOffPeak: Bool { self[Self.offPeak] == true || self[Self.offPeak] == "Y" }
}
