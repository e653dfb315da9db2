import Core

/// A model's rules as JSON schemas.
enum ModelShapes {
    /// One schema for each way to ask for a model; `required` says which fields each of them must have.
    static func variants(_ choice: ModelChoice, of models: [Model]) -> [(name: String, schema: JSON)] {
        models.filter { $0.kind == choice.kind && $0.family == choice.family ?? $0.family }
            .flatMap { model -> [(name: String, schema: JSON)] in
                let isUsual = choice.usual == model.id
                guard choice.field != nil || isUsual else { return [] }
                return Category.allCases.compactMap { category in
                    let media = model.references(for: category)
                    guard let rules = model.rules[category], choice.hasRoom(for: media) else { return nil }
                    return (
                        "\(model.id).\(category)",
                        variant(of: model, category, rules, choice, isUsual: isUsual)
                    )
                }
            }
    }

    private static func variant(
        of model: Model, _ category: Category, _ rules: [ParameterRule], _ choice: ModelChoice, isUsual: Bool
    ) -> JSON {
        var properties = JSONObject()
        var required: [JSON] = []
        if let field = choice.field {
            properties[field] = ["const": .string(model.id)]
            if !isUsual, !choice.isInherited { required.append(.string(field)) }
        }
        if let field = choice.categoryField {
            properties[field] = ["const": .string(category.rawValue)]
        }
        if let field = choice.vendorField {
            properties[field] = ["enum": .array(model.vendors.sorted().map(JSON.string) + ["", .null])]
        }
        if let field = choice.referenceField {
            let most = model.references(for: category).map(\.count.upperBound).max() ?? 0
            properties[field] = most > 0 ? choice.references : ["enum": ["", .null]]
            if most > 0 { required.append(.string(field)) }
        }
        for rule in rules {
            guard let field = choice.spellings[rule.name] else { continue }
            properties[field] = schema(of: rule)
        }
        let ratios = rules.ratiosOfSizes
        if let field = choice.spellings["ratio"], !ratios.isEmpty {
            properties[field] = [
                "type": ["string", "null"], "enum": .array(ratios.map(JSON.string) + ["", .null]),
            ]
        }
        var schema: JSONObject = [
            "title": .string("\(model.id), \(category.rawValue)"), "properties": .object(properties),
        ]
        if !required.isEmpty { schema["required"] = .array(required) }
        return .object(schema)
    }

    /// What the rule allows. Null and the empty text stand for a value that is not given.
    static func schema(of rule: ParameterRule) -> JSON {
        var schema: JSONObject
        switch rule.kind {
        case .integer:
            schema = Shapes.wholeOrNull.objectValue ?? [:]
            if let minimum = rule.minimum { schema["minimum"] = .integer(minimum) }
            if let maximum = rule.maximum { schema["maximum"] = .integer(maximum) }
        case .string:
            schema = Shapes.textOrNull.objectValue ?? [:]
            if let longest = rule.lengthMax { schema["maxLength"] = JSON(longest) }
        case .boolean: schema = Shapes.flagOrNull.objectValue ?? [:]
        case .size:
            let sizes = (rule.sizes?.examples ?? []) + ["", .null]
            schema = ["type": ["string", "null"], "enum": .array(sizes)]
        }
        if !rule.allowed.isEmpty {
            schema["enum"] = .array(rule.allowed + (rule.kind == .string ? ["", .null] : [.null]))
        }
        if let value = rule.defaultValue { schema["default"] = value }
        return .object(schema)
    }

    /// The models that there are, with what each takes: for people who look for one.
    static func catalogue(_ models: [Model]) -> JSON {
        .array(
            models.map { model in
                let categories = Category.allCases.compactMap { category -> JSON? in
                    guard let rules = model.rules[category] else { return nil }
                    let parameters = rules.map { (name: $0.name, value: schema(of: $0)) }
                    let media = model.references(for: category).map { rule -> JSON in
                        [
                            "media": .string(rule.family.rawValue), "minimum": JSON(rule.count.lowerBound),
                            "maximum": JSON(rule.count.upperBound), "bytes_max": JSON(rule.bytesMax),
                            "types": .array(rule.types.map { .string($0.rawValue) }),
                        ]
                    }
                    return [
                        "category": .string(category.rawValue), "media": .array(media),
                        "parameters": .object(JSONObject(parameters)),
                    ]
                }
                return [
                    "id": .string(model.id), "kind": .string(model.kind), "family": .string(model.family),
                    "title": .string(model.title), "categories": .array(categories),
                ]
            })
    }
}
