/// Who is asking: the owner in every WHERE, and what the key allows.
public struct Caller: Sendable, Equatable {
    public let userID: Int64
    public let keyID: Int64
    public let options: KeyOptions
    /// Whether the key or its user has a limit of requests or tasks. Others are not looked up.
    public let isLimited: Bool
    /// Whether its user runs this instance: may see what is of the upstream accounts.
    public let isOperator: Bool

    public init(
        userID: Int64, keyID: Int64, options: KeyOptions = KeyOptions(), isLimited: Bool = false,
        isOperator: Bool = false
    ) {
        self.userID = userID
        self.keyID = keyID
        self.options = options
        self.isLimited = isLimited
        self.isOperator = isOperator
    }
}

/// Per-key choices where clients disagree.
public struct KeyOptions: Sendable, Equatable {
    public enum ContentMode: String, Sendable, CaseIterable { case serve, redirect }
    public enum ChatFormat: String, Sendable, CaseIterable { case auto, json, markdown }
    /// The APIs that have the same addresses below `/v1`; auto: whichever the model is of.
    public enum RootDialect: String, Sendable, CaseIterable { case auto, sora, jimeng }

    /// Models the key may use; nil: all.
    public var models: Set<String>?
    /// HTTP status of a created video: 200, or 201 for clients that insist.
    public var videoCreatedStatus: Int
    /// serve: content answers with the bytes. redirect: 302 to a signed link of the same origin.
    public var contentMode: ContentMode
    /// How a chat says what a model of media has made. auto: as clients of the model's family know it.
    public var chatFormat: ChatFormat
    /// Whose API the key finds at an address that several have. sora, jimeng: what others find below that
    /// prefix.
    public var dialect: RootDialect

    public init(
        models: Set<String>? = nil, videoCreatedStatus: Int = 200, contentMode: ContentMode = .serve,
        chatFormat: ChatFormat = .auto, dialect: RootDialect = .auto
    ) {
        self.models = models
        self.videoCreatedStatus = videoCreatedStatus
        self.contentMode = contentMode
        self.chatFormat = chatFormat
        self.dialect = dialect
    }
}
