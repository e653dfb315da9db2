import Core
import Store
import TestSupport
import Testing

/// The rules of the llmage API's models, as they come out of the database.
@Suite(.freshDatabase) struct LlmageModelTests {
    let database = TestDatabase.current

    private func models() throws -> [String: Model] {
        Dictionary(try database.store().models().map { ($0.id, $0) }) { $1 }
    }

    /// What a row says and no rule is made of would be no rule.
    @Test func everyRowOfEveryModelIsARule() throws {
        for (id, model) in try models() {
            for (category, rules) in model.rules {
                let rows = try database.value(
                    """
                    SELECT jsonb_array_length(parameters) FROM kinora.model_category
                    WHERE model_id = '\(id)' AND category = '\(category.rawValue)'
                    """)
                let count = rules.count + (model.references[category]?.count ?? 0)
                #expect(rows == String(count), "\(id) \(category)")
            }
        }
    }

    private static let defaults: [(model: String, category: Category, parameters: Parameters)] = [
        ("wan2.2-t2i-plus", .t2i, ["n": 1]), ("wan2.5-t2i-preview", .t2i, ["n": 1]),
        ("wan2.2-t2i-flash", .t2i, ["n": 1]), ("cogview-3-flash", .t2i, ["n": 1]),
        ("happyhorse-1.0-t2v", .t2v, ["seconds": 5, "resolution": "720P", "ratio": "adaptive"]),
        ("happyhorse-1.0-i2v", .i2v, ["seconds": 5, "resolution": "720P"]),
        ("happyhorse-1.0-r2v", .ref2v, ["seconds": 15, "resolution": "1080P"]),
        ("doubao-seedance-2-0-260128", .t2v, ["seconds": 5, "resolution": "720p", "ratio": "adaptive"]),
        ("doubao-seedance-2-0-260128", .i2v, ["seconds": 5, "resolution": "720p", "ratio": "adaptive"]),
        ("doubao-seedance-2-0-260128", .ref2v, ["seconds": 12, "resolution": "1080p"]),
        ("doubao-seedance-2-0-fast-260128", .t2v, ["seconds": 5, "resolution": "720p", "ratio": "adaptive"]),
        ("dreamina-seedance-2-0-260128", .t2v, ["seconds": 5, "resolution": "720p", "ratio": "adaptive"]),
        ("dreamina-seedance-2-0-260128", .i2v, ["seconds": 5, "resolution": "720p", "ratio": "adaptive"]),
        ("dreamina-seedance-2-0-260128", .ref2v, ["seconds": 12, "resolution": "1080p"]),
        ("doubao-seedance-1-5-pro-251215", .t2v, ["seconds": 12, "resolution": "1080p"]),
        ("doubao-seedance-1-5-pro-251215", .i2v, ["seconds": 12, "resolution": "1080p"]),
        ("wan2.6-t2v", .t2v, ["seconds": 15, "size": "1920x1080"]),
        ("wan2.6-r2v", .i2v, ["seconds": 15, "size": "1920x1080"]),
        (
            "viduq3-pro", .t2v,
            ["seconds": 10, "resolution": "1080p", "ratio": "16:9", "off_peak": false]
        ),
        (
            "viduq3-pro", .i2v,
            ["seconds": 10, "resolution": "1080p", "ratio": "16:9", "off_peak": false]
        ),
        ("qwen3-max", .t2t, [:]),
    ]

    @Test func whatIsNotGivenIsAsTheDocumentSays() throws {
        let models = try models()
        let listed = models.values.filter { $0.family == "llmage" }
        #expect(listed.reduce(0) { $0 + $1.rules.count } == Self.defaults.count)
        for (id, category, expected) in Self.defaults {
            let rules = try #require(models[id]?.rules[category], "\(id) \(category)")
            let given = try rules.checked([])
            #expect(JSON.object(given).sorted == JSON.object(expected).sorted, "\(id) \(category)")
        }
    }

    @Test func whatIsGivenIsHeldToTheTables() throws {
        let models = try models()
        func isTaken(_ id: String, _ category: Category, _ name: String, _ value: JSON) -> Bool {
            let rules = models[id]?.rules[category] ?? []
            let checked = try? rules.checked([GivenParameter(name: name, value: value)])
            return checked?[name] != nil
        }
        for size in ["832x480", "480x832", "624x624", "960x960", "1440x1440"] {
            #expect(isTaken("wan2.6-t2v", .t2v, "size", .string(size)))
        }
        #expect(!isTaken("wan2.6-r2v", .i2v, "size", "640x480"))
        #expect(!isTaken("wan2.6-t2v", .t2v, "seconds", 6))
        for (id, category, least, most) in [
            ("happyhorse-1.0-t2v", Category.t2v, Int64(4), Int64(15)), ("viduq3-pro", .i2v, 1, 16),
            ("doubao-seedance-2-0-260128", .ref2v, 4, 15),
        ] {
            #expect(isTaken(id, category, "seconds", .integer(least)))
            #expect(isTaken(id, category, "seconds", .integer(most)))
            #expect(!isTaken(id, category, "seconds", .integer(least - 1)))
            #expect(!isTaken(id, category, "seconds", .integer(most + 1)))
        }
        #expect(isTaken("happyhorse-1.0-t2v", .t2v, "resolution", "1080p"))
        #expect(!isTaken("happyhorse-1.0-t2v", .t2v, "resolution", "480p"))
        #expect(isTaken("viduq3-pro", .t2v, "resolution", "540P"))
        #expect(isTaken("doubao-seedance-1-5-pro-251215", .i2v, "ratio", "adaptive"))
        #expect(!isTaken("doubao-seedance-2-0-260128", .ref2v, "ratio", "adaptive"))
    }

    @Test func mediaAreCountedAsTheDocumentSays() throws {
        let models = try models()
        func counts(_ id: String, _ category: Category) -> [String] {
            (models[id]?.references(for: category) ?? []).map {
                "\($0.family) \($0.count.lowerBound)-\($0.count.upperBound)"
            }
        }
        #expect(counts("happyhorse-1.0-i2v", .i2v) == ["image 1-1"])
        #expect(counts("happyhorse-1.0-r2v", .ref2v) == ["image 1-9"])
        for id in ["doubao-seedance-2-0-260128", "dreamina-seedance-2-0-260128", "wan2.6-r2v", "viduq3-pro"] {
            #expect(counts(id, .i2v) == ["image 2-2"])
        }
        #expect(counts("doubao-seedance-1-5-pro-251215", .i2v) == ["image 0-2"])
        for id in ["doubao-seedance-2-0-260128", "dreamina-seedance-2-0-260128"] {
            #expect(counts(id, .ref2v) == ["image 1-9", "video 0-3", "audio 0-3"])
        }
        for model in models.values where model.family == "llmage" {
            #expect(model.references(for: .t2v).isEmpty && model.references(for: .t2i).isEmpty)
        }
    }
}

extension JSON {
    /// Members of an object by name.
    fileprivate var sorted: JSON {
        .object(JSONObject((objectValue?.members ?? []).sorted { $0.name < $1.name }))
    }
}
