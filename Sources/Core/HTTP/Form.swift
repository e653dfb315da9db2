/// A multipart/form-data or urlencoded body: text fields in memory, files on disk.
public struct Form: Sendable, Equatable {
    public var fields: [(name: String, value: String)]
    public var files: [UploadedFile]

    public init(fields: [(name: String, value: String)] = [], files: [UploadedFile] = []) {
        self.fields = fields
        self.files = files
    }

    /// The last value of a field, as browsers and the seeds' servers read repeated text fields.
    public subscript(_ name: String) -> String? { fields.last { $0.name == name }?.value }

    public static func == (a: Form, b: Form) -> Bool {
        a.files == b.files && a.fields.elementsEqual(b.fields) { $0.name == $1.name && $0.value == $1.value }
    }
}

/// One file of a form, spooled to disk. `mediaType` is what the bytes are, never what the client called them.
public struct UploadedFile: Sendable, Equatable {
    public let field: String
    public let path: String
    public let bytes: Int
    /// SHA-256 of the content, 64 lower-case hex digits.
    public let sha256: String
    /// Nil when the first bytes match no type Kinora knows.
    public let mediaType: MediaType?
    /// How many text fields of the form came before it.
    public let fieldsBefore: Int

    public init(
        field: String, path: String, bytes: Int, sha256: String, mediaType: MediaType?, fieldsBefore: Int = 0
    ) {
        self.field = field
        self.path = path
        self.bytes = bytes
        self.sha256 = sha256
        self.mediaType = mediaType
        self.fieldsBefore = fieldsBefore
    }
}
