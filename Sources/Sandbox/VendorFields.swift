internal import Core

/// The members of a JSON object in a request, read as strictly as vendors read them. A null counts as not
/// given: SDKs send those.
struct VendorFields {
    let object: JSONObject
    /// What stands before the names in messages.
    private let place: String

    init(_ request: VendorRequest) throws(KinoraError) {
        guard case .json(let json) = request.body else {
            throw KinoraError(.malformedRequest, "The body must be a JSON object.")
        }
        try self.init(json, at: "")
    }

    init(_ json: JSON, at place: String) throws(KinoraError) {
        guard let object = json.objectValue else {
            throw KinoraError(.invalidValue, "\(place.isEmpty ? "The body" : place) must be an object.")
        }
        self.object = JSONObject(object.members.filter { !$0.value.isNull })
        self.place = place.isEmpty ? "" : "\(place)."
    }

    /// Without any members.
    init(empty place: String) {
        object = [:]
        self.place = "\(place)."
    }

    subscript(_ name: String) -> JSON? { object[name] }

    func has(_ name: String) -> Bool { object[name] != nil }

    func bad(_ name: String, _ why: String) -> KinoraError {
        KinoraError(.invalidValue, "\(place)\(name) \(why).", field: place + name)
    }

    /// Real vendors overlook unknown members; who sends one has mistaken a name.
    func check(known: [String]) throws(KinoraError) {
        if let name = object.names.first(where: { !known.contains($0) }) { throw bad(name, "is unknown") }
    }

    func text(_ name: String) throws(KinoraError) -> String? {
        guard let value = object[name] else { return nil }
        guard let text = value.stringValue else { throw bad(name, "must be a string") }
        return text
    }

    func required(_ name: String) throws(KinoraError) -> String {
        guard let text = try text(name), !text.isEmpty else {
            throw KinoraError(.missingParameter, "\(place)\(name) is missing.", field: place + name)
        }
        return text
    }

    func choice(_ name: String, _ allowed: [String]) throws(KinoraError) -> String? {
        guard let text = try text(name) else { return nil }
        guard allowed.contains(text) else {
            throw bad(name, "must be one of \(allowed.joined(separator: ", "))")
        }
        return text
    }

    func integer(_ name: String, _ ranges: ClosedRange<Int64>...) throws(KinoraError) -> Int? {
        guard let value = object[name] else { return nil }
        guard let number = value.integerValue, ranges.contains(where: { $0.contains(number) }) else {
            throw bad(name, "is no integer that is allowed")
        }
        return Int(number)
    }

    @discardableResult
    func boolean(_ name: String) throws(KinoraError) -> Bool? {
        guard let value = object[name] else { return nil }
        guard let boolean = value.boolValue else { throw bad(name, "must be a boolean") }
        return boolean
    }

    func list(_ name: String) throws(KinoraError) -> [JSON]? {
        guard let value = object[name] else { return nil }
        guard let list = value.arrayValue else { throw bad(name, "must be an array") }
        return list
    }

    func fields(_ name: String) throws(KinoraError) -> VendorFields? {
        guard let value = object[name] else { return nil }
        return try VendorFields(value, at: place + name)
    }

    /// A picture by its address, which is not fetched (the sandbox never speaks to the outside), or as a data
    /// URL. Nil for an address.
    func picture(_ text: String, of name: String, bytesMax: Int) throws(KinoraError) -> ReferenceImage? {
        if text.hasPrefix("https://") || text.hasPrefix("http://") { return nil }
        guard let bytes = try data(text, of: name, family: "image", bytesMax: bytesMax) else { return nil }
        guard let type = MediaType(sniffing: bytes), ReferenceImage.types.contains(type) else {
            throw bad(name, "is no image")
        }
        return ReferenceImage(bytes: bytes, type: type)
    }

    /// The bytes of `data:FAMILY/TYPE;base64,…`. Throws for anything else.
    func data(
        _ text: String, of name: String, family: String, bytesMax: Int
    ) throws(KinoraError) -> [UInt8]? {
        guard let comma = text.firstIndex(of: ","),
            text[..<comma].wholeMatch(of: /data:([a-z]+)\/[a-z0-9.+-]+;base64/)?.1 == family[...],
            let bytes = Base64.bytes(text[text.index(after: comma)...])
        else { throw bad(name, "is neither an address nor a data URL of an \(family)") }
        guard bytes.count <= bytesMax else { throw bad(name, "is too large") }
        return bytes
    }
}
