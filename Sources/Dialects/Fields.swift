import Core
import Crypto

/// The fields of a request, whether it came as JSON or as a form. In JSON a value must have its type; in a
/// form it is text and must spell a value of that type exactly.
struct Fields {
    private let object: JSONObject
    private let form: Form?

    /// Throws `malformedRequest` when a JSON body is no object.
    init(_ body: RequestBody) throws(KinoraError) {
        switch body {
        case .none, .raw:
            object = [:]
            form = nil
        case .json(.object(let object)):
            self.object = object
            form = nil
        case .json(let other):
            throw KinoraError(.malformedRequest, "The body must be a JSON object, not \(other.kindName).")
        case .form(let form):
            object = [:]
            self.form = form
        }
    }

    var isForm: Bool { form != nil }

    /// The raw value; a form's field as a string. Nil when it is missing or null.
    func value(_ name: String) -> JSON? {
        if let form { return form[name].map(JSON.string) }
        return object[name].flatMap { $0.isNull ? nil : $0 }
    }

    func file(_ name: String) -> UploadedFile? { form?.files.last { $0.field == name } }

    /// Every file of a field: also those of `name[]` and `name[0]`, as clients spell lists in forms.
    func files(_ name: String) -> [UploadedFile] {
        form?.files.filter { Self.isSpelling($0.field, of: name) } ?? []
    }

    /// Every value of a field: the items of a JSON list, one value, or the texts of a form, spelled likewise.
    func values(_ name: String) -> [JSON] {
        if let form {
            return form.fields.filter { Self.isSpelling($0.name, of: name) && !$0.value.isEmpty }
                .map { .string($0.value) }
        }
        guard let value = value(name), value != "" else { return [] }
        return value.arrayValue ?? [value]
    }

    /// A medium as a client gives it: bytes, or what names or holds them.
    enum Medium {
        case file(UploadedFile)
        case value(JSON)
    }

    /// Files and values of a field, in the order in which they came.
    func media(_ name: String) -> [Medium] {
        guard let form else { return values(name).map(Medium.value) }
        var media: [Medium] = []
        var files = files(name)[...]
        for (place, field) in form.fields.enumerated() {
            let earlier = files.prefix { $0.fieldsBefore <= place }
            media += earlier.map(Medium.file)
            files = files.dropFirst(earlier.count)
            guard Self.isSpelling(field.name, of: name), !field.value.isEmpty else { continue }
            media.append(.value(.string(field.value)))
        }
        return media + files.map(Medium.file)
    }

    /// The value of a field that is one: in a form its text, however the field is spelled. Throws
    /// `invalidValue` when a form has it several times.
    func onlyValue(_ name: String) throws(KinoraError) -> JSON? {
        guard isForm else { return value(name) }
        let texts = values(name)
        guard texts.count < 2 else {
            throw KinoraError(
                .invalidValue, "'\(name)' must be given once, not \(texts.count) times.", field: name)
        }
        return texts.first
    }

    private static func isSpelling(_ field: String, of name: String) -> Bool {
        guard field.hasPrefix(name) else { return false }
        let tail = field.utf8.dropFirst(name.utf8.count)
        return tail.isEmpty
            || tail.first == UInt8(ascii: "[") && tail.last == UInt8(ascii: "]")
                && tail.dropFirst().dropLast().allSatisfy { (0x30...0x39).contains($0) }
    }

    /// The client's own name for its end user.
    func identifier(_ name: String) throws(KinoraError) -> String? {
        try string(name, charactersMax: Limits.nameCharactersMax)
    }

    /// Nil when missing, and when empty: browsers and gateways send fields that were left blank. Throws
    /// `invalidValue` for what is no text or too long a one.
    func string(
        _ name: String, charactersMax: Int = Limits.promptCharactersMax
    ) throws(KinoraError) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.stringValue else { throw Self.wrongType(name, "a string", value) }
        try text.checkLength(max: charactersMax, field: name)
        return text.isEmpty ? nil : text
    }

    /// An integer, or text that spells one.
    func integerOrText(_ name: String) throws(KinoraError) -> JSON? {
        guard let value = value(name) else { return nil }
        if let number = value.integerValue { return .integer(number) }
        switch value {
        case .string(let text):
            if text.isEmpty { return nil }
            guard let number = Int64(text) else {
                throw KinoraError(.invalidValue, "'\(name)' must be a whole number.", field: name)
            }
            return .integer(number)
        default: throw Self.wrongType(name, "a whole number", value)
        }
    }

    func bool(_ name: String) throws(KinoraError) -> Bool? {
        guard let value = value(name) else { return nil }
        switch value {
        case .bool(let value): return value
        case .string(let text) where form != nil && text.isEmpty: return nil
        case .string(let text) where form != nil && Self.words[text.lowercased()] != nil:
            return Self.words[text.lowercased()]
        default: throw Self.wrongType(name, "true or false", value)
        }
    }

    /// How forms spell a truth value: Python's libraries send True, browsers on, shells 1.
    private static let words = [
        "true": true, "1": true, "yes": true, "on": true, "false": false, "0": false, "no": false,
        "off": false,
    ]

    private static func wrongType(_ name: String, _ wanted: String, _ value: JSON) -> KinoraError {
        KinoraError(.invalidValue, "'\(name)' must be \(wanted), not \(value.kindName).", field: name)
    }
}

extension Request {
    /// SHA-256 of method, path and body, 64 hex digits. Files count by their content.
    var fingerprint: String {
        var hash = SHA256()
        func add(_ text: String) {
            let bytes = Array(text.utf8)
            hash.update(data: withUnsafeBytes(of: bytes.count.littleEndian) { Array($0) } + bytes)
        }
        // Counts stand before lists, so that no two requests give the same row of texts.
        func add(_ count: Int) { add(String(count)) }
        add(head.method?.rawValue ?? "")
        add(path.segments.count)
        path.segments.forEach(add)
        switch body {
        case .none: add("none")
        case .raw(let bytes):
            add("raw")
            hash.update(data: bytes)
        case .json(let json):
            add("json")
            hash.update(data: json.serialized())
        case .form(let form):
            add("form")
            add(form.fields.count)
            for (name, value) in form.fields {
                add(name)
                add(value)
            }
            add(form.files.count)
            for file in form.files {
                add(file.field)
                add(file.sha256)
            }
        }
        return Hex.text(hash.finalize())
    }
}
