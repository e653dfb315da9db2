import Core

/// What stands in the bodies of requests.
extension OpenAPIDocument {
    func requestBody(
        _ body: BodyShape, _ route: Route, of dialect: any Described, under mount: String?
    ) -> JSON {
        var choice = body.models
        if let mount, choice?.family == nil { choice?.family = mount }
        let type = route.body == .lines ? "application/jsonl" : "application/json"
        var content = JSONObject()
        content[type] = [
            "schema": schema(of: body.fields, choice, dialect, isForm: false), "example": body.example,
        ]
        if route.body == .jsonOrForm {
            let named = Set(body.files.map(\.name))
            let fields = body.fields.filter { !named.contains($0.name) } + body.files
            if let models = choice, let field = models.referenceField {
                choice?.references = body.files.first { $0.name == field }?.schema ?? models.referenceText
            }
            let encoded = fields.compactMap { field in
                field.contentType.map { (name: field.name, value: JSON.object(["contentType": .string($0)])) }
            }
            var media: JSONObject = ["schema": schema(of: fields, choice, dialect, isForm: true)]
            if !encoded.isEmpty { media["encoding"] = .object(JSONObject(encoded)) }
            content["multipart/form-data"] = .object(media)
        }
        return ["required": true, "content": .object(content)]
    }

    /// How forms spell a truth value.
    private static let words: JSON = ["true", "false", "1", "0", "yes", "no", "on", "off", ""]

    /// A form has texts and no null.
    private static func withoutNull(_ json: JSON) -> JSON {
        switch json {
        case .array(let items): return .array(items.filter { !$0.isNull }.map(withoutNull))
        case .object(let object) where object["type"] == Shapes.flagOrNull["type"]:
            var flag = object
            flag["type"] = "string"
            flag["enum"] = words
            flag["default"] = nil
            return .object(flag)
        case .object(var object):
            for (name, value) in object.members {
                if name == "type", let types = value.arrayValue {
                    let others = types.filter { $0 != "null" }
                    object[name] = others.count == 1 ? others[0] : .array(others)
                } else {
                    object[name] = withoutNull(value)
                }
            }
            return .object(object)
        default: return json
        }
    }

    /// What the endpoint takes and, where it names a model, the ways to ask for one of the models.
    private func schema(
        of fields: [Field], _ choice: ModelChoice?, _ dialect: any Described, isForm: Bool
    ) -> JSON {
        func spelled(_ schema: JSON) -> JSON { isForm ? Self.withoutNull(schema) : schema }
        let properties = fields.map { (name: $0.name, value: $0.described) }
        var object: JSONObject = ["type": "object", "properties": .object(JSONObject(properties))]
        let required = fields.filter(\.isRequired).map { JSON.string($0.name) }
        if !required.isEmpty { object["required"] = .array(required) }
        // Every part of a form has a name that a header can hold.
        if isForm {
            object["propertyNames"] = ["minLength": 1, "pattern": "^[^\\u0000-\\u001f\\u007f]*$"]
        }
        let whole = shared.reference(to: spelled(.object(object)), called: "fields.\(dialect.name)")
        let variants = choice.map { ModelShapes.variants($0, of: models) } ?? []
        guard !variants.isEmpty else { return whole }
        let references = variants.map { shared.reference(to: spelled($0.schema), called: $0.name) }
        let oneOfThem = shared.reference(
            to: ["anyOf": .array(references)], called: "models.\(dialect.name)")
        return ["allOf": [whole, oneOfThem]]
    }
}
