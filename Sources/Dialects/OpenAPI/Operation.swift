import Core

/// A text in both languages of its readers.
struct Words: Sendable {
    let english: String
    let chinese: String

    init(_ english: String, _ chinese: String) {
        self.english = english
        self.chinese = chinese
    }
}

/// A value that an endpoint takes, in the query or in the body.
struct Field: Sendable {
    let name: String
    /// A JSON schema.
    let schema: JSON
    let words: Words
    var isRequired = false
    /// As a part of a form; nil: plain text.
    var contentType: String?

    init(_ name: String, _ schema: JSON, _ words: Words, isRequired: Bool = false) {
        self.name = name
        self.schema = schema
        self.words = words
        self.isRequired = isRequired
    }

    /// Its schema with its words.
    var described: JSON {
        var schema = schema.objectValue ?? [:]
        schema["description"] = .string(words.english)
        schema["x-description-zh"] = .string(words.chinese)
        return .object(schema)
    }
}

/// What stands in the body of a request.
struct BodyShape: Sendable {
    var fields: [Field]
    /// Fields that are files, in a multipart form.
    var files: [Field] = []
    /// Which models may be asked, and how their parameters are spelled here; nil: the body names none.
    var models: ModelChoice?
    /// What two readers would rather see than a schema.
    var example: JSON
}

/// The models behind an endpoint. Each has a part of the body's schema of its own, made from its rules.
struct ModelChoice: Sendable {
    /// As in `Model.kind`.
    let kind: String
    /// Only of this family; nil: of any.
    var family: String?
    /// The field that names the model; nil: there is none, and `usual` is meant.
    var field: String? = "model"
    /// The model of a request that names none.
    var usual: String?
    /// Whether a request that names none takes the model of another task.
    var isInherited = false
    /// The field that says how the model is used.
    var categoryField: String?
    /// The field for references; nil: none are taken. `references` is its schema where there are some.
    var referenceField: String?
    var references: JSON = Shapes.picture
    /// Its schema in a form that has no files for them.
    var referenceText: JSON = Shapes.picture
    /// How many references it asks for, and takes.
    var referenceCount = 0...Limits.imageReferencesMax
    /// The field that chooses by vendor.
    var vendorField: String?
    /// The API's field for a model's parameter; a parameter that is not in it is not taken here.
    let spellings: [String: String]

    /// Whether a model that takes such media can be asked here.
    func hasRoom(for rules: [ReferenceRule]) -> Bool {
        let least = rules.map(\.count.lowerBound).reduce(0, +)
        let most = rules.map(\.count.upperBound).reduce(0, +)
        return least <= referenceCount.upperBound && most >= referenceCount.lowerBound
    }
}

/// An answer that is no error.
struct Reply: Sendable {
    enum Body: Sendable {
        case none
        /// One of `Shapes.all`.
        case json(String)
        case list(String)
        case bytes
        case events
        /// JSON or events, as the request says.
        case jsonOrEvents(String)
    }

    let status: Int
    let words: Words
    let body: Body

    init(_ status: Int, _ words: Words, _ body: Body) {
        self.status = status
        self.words = words
        self.body = body
    }
}

/// What an endpoint is for, what it takes and what it answers: one for each route of a dialect.
struct Operation: Sendable {
    let route: Route
    let summary: Words
    var query: [Field] = []
    var headers: [Field] = []
    var body: BodyShape?
    var replies: [Reply]
    /// Statuses of its errors, beside those that every call may have.
    var errors: Set<Int> = []

    /// Whether it makes a task, or may.
    var isSubmit = false
}

/// A dialect that stands in the description of the API: what a client may call, all of it.
protocol Described: Dialect {
    var title: Words { get }
    var summary: Words { get }
    /// One of `Shapes.all`.
    var errorShape: String { get }
    /// One for each of its routes.
    var operations: [Operation] { get }
}
