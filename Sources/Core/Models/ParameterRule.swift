/// What one parameter of a model may be. Kept in model_category.parameters; drives checks, documentation and
/// forms.
public struct ParameterRule: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case integer, string, boolean
        /// Width and height of a picture, or a ratio of them; see `PictureSizes`.
        case size
    }

    public let name: String
    public let kind: Kind
    public let defaultValue: JSON?
    /// The only values allowed; empty: any.
    public let allowed: [JSON]
    public let minimum: Int64?
    public let maximum: Int64?
    /// Longest string, in characters.
    public let lengthMax: Int?
    /// Of a rule of the kind `size`.
    public let sizes: PictureSizes?

    public init(
        name: String, kind: Kind, defaultValue: JSON? = nil, allowed: [JSON] = [], minimum: Int64? = nil,
        maximum: Int64? = nil, lengthMax: Int? = nil, sizes: PictureSizes? = nil
    ) {
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.allowed = allowed
        self.minimum = minimum
        self.maximum = maximum
        self.lengthMax = lengthMax
        self.sizes = sizes
    }

    /// Reads a rule from its row. Nil when the row makes no sense.
    public init?(_ json: JSON) {
        guard let name = json["name"]?.stringValue,
            let kind = json["type"]?.stringValue.flatMap(Kind.init(rawValue:))
        else { return nil }
        self.init(
            name: name, kind: kind, defaultValue: json["default"], allowed: json["allowed"]?.arrayValue ?? [],
            minimum: json["minimum"]?.integerValue, maximum: json["maximum"]?.integerValue,
            lengthMax: json["length_max"]?.integerValue.map(Int.init),
            sizes: kind == .size ? PictureSizes(json) : nil)
        if kind == .size, sizes == nil { return nil }
    }

    /// The value if the rule allows it. `field` is the caller's spelling, for the error.
    func checked(_ value: JSON, field: String) throws(KinoraError) -> JSON {
        switch (kind, value) {
        case (.integer, .integer(let number)):
            if let minimum, number < minimum {
                throw KinoraError(.invalidValue, "'\(field)' must be at least \(minimum).", field: field)
            }
            if let maximum, number > maximum {
                throw KinoraError(.invalidValue, "'\(field)' must be at most \(maximum).", field: field)
            }
        case (.string, .string(let text)):
            if let lengthMax { try text.checkLength(max: lengthMax, field: field) }
        case (.boolean, .bool): break
        case (.size, .string(let text)): return .string(try sizes?.size(text, field: field) ?? text)
        default:
            let word = kind == .integer ? "an integer" : kind == .boolean ? "a boolean" : "a string"
            throw KinoraError(
                .invalidValue, "'\(field)' must be \(word), not \(value.kindName).", field: field)
        }
        guard !allowed.isEmpty else { return value }
        guard let value = allowed.first(where: { $0 == value || Self.isSpelling($0, of: value) }) else {
            let list = allowed.map { $0.stringValue ?? $0.text }.joined(separator: ", ")
            throw KinoraError(.invalidValue, "'\(field)' must be one of: \(list).", field: field)
        }
        return value
    }

    /// Whether texts differ in nothing but capitals: `720P` and `720p`. The list's own spelling holds.
    private static func isSpelling(_ listed: JSON, of value: JSON) -> Bool {
        guard let listed = listed.stringValue, let text = value.stringValue else { return false }
        return listed.lowercased() == text.lowercased()
    }
}

/// A parameter as a client gave it: Kinora's name, the client's spelling of it, the value.
public struct GivenParameter: Sendable, Equatable {
    public let name: String
    public let field: String
    public let value: JSON

    public init(name: String, field: String? = nil, value: JSON) {
        self.name = name
        self.field = field ?? name
        self.value = value
    }
}

extension [ParameterRule] {
    /// Checks what was given and fills in defaults. Parameters that the model does not know are left out:
    /// clients send the superset of many models. A null counts as not given.
    public func checked(_ given: [GivenParameter]) throws(KinoraError) -> Parameters {
        var result = Parameters()
        let sizeInRatio = try sizeInRatio(of: given)
        for rule in self {
            if rule.kind == .size, let sizes = rule.sizes, sizes.hasLevels {
                try sizes.choose(from: given, into: &result)
            } else if let parameter = given.last(where: { $0.name == rule.name && !$0.value.isNull }) {
                result[rule.name] = try rule.checked(parameter.value, field: parameter.field)
            } else if let value = (rule.name == "size" ? sizeInRatio : nil) ?? rule.defaultValue {
                result[rule.name] = value
            }
        }
        return result
    }
}
