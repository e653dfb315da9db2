/// What text models do. Requests for it go on to the upstream as they are.
public enum RelayKind: String, Sendable, CaseIterable {
    case chat, embedding

    /// How a model is used for it.
    public var category: Category { self == .chat ? .t2t : .t2e }
}

/// A request to a text model: its bytes, and the little that Kinora must know of them.
public struct RelayRequest: Sendable {
    public let kind: RelayKind
    public let model: String
    /// Whether the answer is wanted event by event.
    public let isStreamed: Bool
    /// Whether the client itself asked for the last event, which says what was used.
    public let wantsUsage: Bool
    /// Most tokens that one answer may have; nil: the client did not say.
    public let outputTokensMax: Int?
    /// How many answers are wanted.
    public let choices: Int
    /// Only models of this family; nil: of any.
    public let family: String?
    /// The same request as one for media, which a model of that kind is to make; nil: it cannot be one.
    public var asMedia: (@Sendable (MediaKind) throws(KinoraError) -> Submission)?
    private let body: [UInt8]
    private let outline: JSONOutline

    /// A text has at least so many bytes as tokens. What is given by its address has more than that has.
    public var inputTokensMax: Int { body.count + mediaNamed * Self.mediaTokensMax }
    /// Most tokens of a picture, a sound or a short film that some model makes of one.
    private static let mediaTokensMax = 16_384

    /// How many media are given by address, or may be: what stands beside the text in a message's parts.
    private var mediaNamed: Int {
        // Without parts there is one array, that of the messages.
        guard kind == .chat, let places = outline["messages"],
            body[places].dropFirst().contains(UInt8(ascii: "["))
        else { return 0 }
        guard let messages = ((try? outline.value("messages")) ?? nil)?.arrayValue else {
            // Names that stand twice, or very many values: whatever an upstream makes of that, it is no more.
            return body[places].count { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: ",") }
        }
        let parts = messages.flatMap { $0["content"]?.arrayValue ?? [] }
        return parts.reduce(0) { $0 + Self.mediaNamed(in: $1) }
    }

    /// What a part has beside media: its bytes are all that it has.
    private static let namesOfText: Set<String> = [
        "type", "text", "refusal", "thinking", "reasoning", "signature", "cache_control", "annotations",
        "detail", "format", "filename",
    ]

    /// A list, as some services take the frames of a film, names as many as it has items.
    private static func mediaNamed(in part: JSON) -> Int {
        (part.objectValue?.members ?? []).reduce(0) { count, member in
            guard !namesOfText.contains(member.name) else { return count }
            switch member.value {
            case .array(let items): return count + items.count
            case .string, .object: return count + 1
            default: return count
            }
        }
    }

    /// What a text usually has.
    public var inputTokensLikely: Int { max(body.count / 4, 1) }

    /// Throws `malformedRequest`, `missingParameter` or `invalidValue`.
    public init(
        _ kind: RelayKind, _ body: [UInt8], of family: String? = nil
    ) throws(KinoraError) {
        let isText = body.withUnsafeBufferPointer {
            $0.allSatisfy { $0 < 0x80 } || String(validating: $0, as: UTF8.self) != nil
        }
        guard isText else {
            throw KinoraError(.malformedRequest, "The body is not valid UTF-8.")
        }
        let outline = try JSONOutline(body)
        try Self.checkSpelling(outline)
        guard let model = try Self.text("model", outline), !model.isEmpty else {
            throw KinoraError(.missingParameter, "model is required", field: "model")
        }
        try Self.checkInput(kind, outline)
        self.kind = kind
        self.family = family
        self.model = model
        isStreamed = kind == .chat ? try Self.flag("stream", in: try outline.value("stream")) : false
        wantsUsage = kind == .chat ? try Self.usageOption(outline) : false
        outputTokensMax = try Self.outputTokensMax(kind, outline)
        choices = kind == .chat ? try Self.count("n", outline) ?? 1 : 1
        self.body = body
        self.outline = outline
    }

    /// The bytes that go upstream: another name of the model, and for a stream the wish to hear what was
    /// used. Everything else stays as it was.
    public func body(for vendorModel: String) -> [UInt8] {
        var edits: [(range: Range<Int>, text: [UInt8])] = []
        if vendorModel != model, let place = outline["model"] {
            edits.append((place, JSON.string(vendorModel).serialized()))
        }
        if isStreamed, !wantsUsage {
            var options = ((try? outline.value("stream_options")) ?? nil)?.objectValue ?? [:]
            options["include_usage"] = true
            let text = JSON.object(options).serialized()
            if let place = outline["stream_options"] {
                edits.append((place, text))
            } else {
                edits.append(
                    (outline.start..<outline.start, Array("\"stream_options\":".utf8) + text + [0x2C]))
            }
        }
        guard !edits.isEmpty else { return body }
        var out: [UInt8] = []
        out.reserveCapacity(body.count + 64)
        var position = 0
        for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            out += body[position..<edit.range.lowerBound]
            out += edit.text
            position = edit.range.upperBound
        }
        return out + body[position...]
    }

    /// Names that Kinora reads, or writes anew.
    private static let namesRead: Set<String> = [
        "model", "messages", "input", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens",
    ]

    /// Services written in Go find members whatever the case of their names, and of two they heed the last:
    /// they must read what Kinora has read.
    private static func checkSpelling(_ outline: JSONOutline) throws(KinoraError) {
        for name in outline.names where name.utf8.contains(where: { $0 >= 0x80 || 0x41...0x5A ~= $0 }) {
            guard name.utf8.count <= 64, namesRead.contains(name.foldedLikeGo) else { continue }
            throw KinoraError(
                .invalidValue, "'\(name)' must be spelled '\(name.foldedLikeGo)'.", field: name)
        }
    }

    private static func checkInput(_ kind: RelayKind, _ outline: JSONOutline) throws(KinoraError) {
        let name = kind == .chat ? "messages" : "input"
        guard outline.has(name) else {
            throw KinoraError(.missingParameter, "\(name) is required", field: name)
        }
        let kinds: [UInt8] = kind == .chat ? [UInt8(ascii: "[")] : [UInt8(ascii: "["), UInt8(ascii: "\"")]
        guard outline.firstByte(name).map(kinds.contains) ?? false else {
            let wanted = kind == .chat ? "an array" : "a string or an array"
            throw KinoraError(.invalidValue, "'\(name)' must be \(wanted).", field: name)
        }
    }

    private static func text(_ name: String, _ outline: JSONOutline) throws(KinoraError) -> String? {
        guard let value = try outline.value(name), !value.isNull else { return nil }
        guard let text = value.stringValue else {
            throw KinoraError(
                .invalidValue, "'\(name)' must be a string, not \(value.kindName).", field: name)
        }
        try text.checkLength(max: Limits.nameCharactersMax, field: name)
        return text
    }

    private static func flag(_ name: String, in value: JSON?) throws(KinoraError) -> Bool {
        guard let value, !value.isNull else { return false }
        guard let flag = value.boolValue else {
            throw KinoraError(
                .invalidValue, "'\(name)' must be true or false, not \(value.kindName).", field: name)
        }
        return flag
    }

    private static func usageOption(_ outline: JSONOutline) throws(KinoraError) -> Bool {
        guard let options = try outline.value("stream_options"), !options.isNull else { return false }
        guard let members = options.objectValue else {
            throw KinoraError(
                .invalidValue, "'stream_options' must be an object, not \(options.kindName).",
                field: "stream_options")
        }
        return try flag("stream_options.include_usage", in: members["include_usage"])
    }

    private static func outputTokensMax(_ kind: RelayKind, _ outline: JSONOutline) throws(KinoraError) -> Int?
    {
        guard kind == .chat else { return nil }
        let older = try count("max_tokens", outline)
        let newer = try count("max_completion_tokens", outline)
        // Both go on, and which of them an upstream heeds is its own.
        return [newer, older].compactMap(\.self).max()
    }

    private static func count(_ name: String, _ outline: JSONOutline) throws(KinoraError) -> Int? {
        guard let value = try outline.value(name), !value.isNull else { return nil }
        guard let number = value.integerValue, (1...100_000_000).contains(number) else {
            throw KinoraError(.invalidValue, "'\(name)' must be a positive whole number.", field: name)
        }
        return Int(number)
    }
}

extension String {
    /// As `encoding/json` of Go compares names: without regard to case, where the long s and the sign of
    /// Kelvin are letters too.
    fileprivate var foldedLikeGo: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    switch scalar {
                    case "\u{17F}": "s"
                    case "\u{212A}": "k"
                    case "A"..."Z": Unicode.Scalar(scalar.value + 32) ?? scalar
                    default: scalar
                    }
                }))
    }
}
