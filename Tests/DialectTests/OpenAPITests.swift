import Core
import TestSupport
import Testing

@testable import Dialects

/// The description of the API against the routes and the models that it speaks of.
@Suite struct OpenAPITests {
    private static let model = Model(
        id: "film-1", kind: "video", family: "sora", title: "A film", createdAt: Timestamp(seconds: 1),
        rules: [
            .t2v: [
                ParameterRule(
                    name: "seconds", kind: .integer, defaultValue: 4, allowed: [4, 8]),
                ParameterRule(name: "style", kind: .string, lengthMax: 64),
            ],
            .i2v: [ParameterRule(name: "seconds", kind: .integer, minimum: 2, maximum: 9)],
        ], vendors: ["openai"])

    private let document = OpenAPIDocument(dialects: Dialects.described, models: [Self.model]).json

    /// What a reference leads to.
    private func resolved(_ json: JSON?) -> JSON? {
        guard let reference = json?["$ref"]?.stringValue, let name = reference.split(separator: "/").last
        else {
            return json
        }
        return document["components"]?["schemas"]?[String(name)]
    }

    @Test(arguments: Dialects.described.map(\.name))
    func everyRouteIsDescribedOnce(_ name: String) throws {
        let dialect = try #require(Dialects.described.first { $0.name == name })
        func line(_ route: Route) -> String {
            "\(route.method.rawValue) /\(route.pattern.joined(separator: "/"))"
        }
        #expect(dialect.operations.map { line($0.route) }.sorted() == dialect.routes.map(line).sorted())
    }

    @Test func everyClientAPIIsDescribed() {
        let undescribed = Set(Dialects.all.map(\.name)).subtracting(Dialects.described.map(\.name))
        #expect(undescribed == ["documents", "vendor-callbacks"])
    }

    @Test func everyPathOfEveryMountStandsInTheDocument() throws {
        let paths = try #require(document["paths"]?.objectValue)
        for dialect in Dialects.described {
            for route in dialect.routes {
                for mount in dialect.mounts(of: route) {
                    let path = OpenAPIDocument.path(of: route, under: mount)
                    #expect(paths[path]?[route.method.rawValue.lowercased()] != nil, "\(path)")
                }
            }
        }
    }

    /// Whoever asks there for events is answered so, and nowhere else is it said.
    @Test(arguments: Dialects.described.map(\.name))
    func theDescriptionNamesTheTasksThatCanBeFollowed(_ name: String) throws {
        let dialect = try #require(Dialects.described.first { $0.name == name })
        let id = "sora-2-abc123def456"
        for route in dialect.routes where route.method == .get {
            let path = "/" + route.pattern.map { $0.hasPrefix(":") ? id : $0 }.joined(separator: "/")
            let target = path + "?taskid=\(id)&jobId=\(id)"
            var head = RequestHead(method: .get, target: target, accept: "text/event-stream")
            head.lastEventID = "running-40"
            let request = Request(head: head, path: try RequestPath(target: target), body: .none)
            let match = RouteMatch(
                route: route, values: route.pattern.filter { $0.hasPrefix(":") }.map { _ in id })
            // Some ask for more than an id.
            let command = (try? dialect.decode(request, for: match))?.heeding(head)
            let isFollowed = if case .follow = command { true } else { false }
            for mount in dialect.mounts(of: route) {
                let entry = document["paths"]?[OpenAPIDocument.path(of: route, under: mount)]?["get"]
                let types = entry?["responses"]?["200"]?["content"]?.objectValue?.names ?? []
                #expect(types.contains("text/event-stream") == isFollowed, "\(path)")
                #expect((entry?["responses"]?["204"] != nil) == isFollowed, "\(path)")
                let headers = (entry?["parameters"]?.arrayValue ?? []).filter { $0["in"] == "header" }
                #expect(headers.map { $0["name"] } == (isFollowed ? ["Last-Event-ID"] : []), "\(path)")
            }
        }
    }

    /// No name is used twice, and every reference leads somewhere.
    @Test func itIsSoundInItself() throws {
        var ids: [String] = [], references: Set<String> = []
        func walk(_ json: JSON) {
            if let id = json["operationId"]?.stringValue { ids.append(id) }
            if let reference = json["$ref"]?.stringValue { references.insert(reference) }
            for member in json.objectValue?.members ?? [] { walk(member.value) }
            for item in json.arrayValue ?? [] { walk(item) }
        }
        walk(document)
        #expect(Set(ids).count == ids.count)
        let parts = ["schemas", "responses"].flatMap { kind in
            (document["components"]?[kind]?.objectValue?.names ?? []).map { "#/components/\(kind)/\($0)" }
        }
        #expect(Set(parts).isSuperset(of: references))
    }

    /// What an endpoint takes for a model is what the model's rows say, in the endpoint's own spelling.
    @Test func aModelsRulesAreItsSchema() throws {
        let hub = try #require(
            document["paths"]?["/api/video/submit"]?["post"]?["requestBody"]?["content"]?[
                "application/json"]?[
                    "schema"])
        let choice = try #require(resolved(hub["allOf"]?.arrayValue?.last))
        let variants = try #require(choice["anyOf"]?.arrayValue).compactMap(resolved)
        #expect(variants.map { $0["title"] } == ["film-1, t2v", "film-1, i2v"])
        #expect(variants[0]["properties"]?["model"] == ["const": "film-1"])
        #expect(
            variants[0]["properties"]?["duration"]
                == ["type": ["integer", "null"], "enum": [4, 8, .null], "default": 4])
        #expect(
            variants[1]["properties"]?["duration"]
                == ["type": ["integer", "null"], "minimum": 2, "maximum": 9])
        #expect(variants[0]["required"] == ["model"])
    }

    /// Tools refuse a list of values that holds none, and cannot ask for what no request can have.
    @Test func everyListOfValuesHoldsSome() {
        func walk(_ json: JSON, _ place: String) {
            if let values = json["enum"]?.arrayValue { #expect(!values.isEmpty, "\(place)") }
            for member in json.objectValue?.members ?? [] { walk(member.value, "\(place)/\(member.name)") }
            for (index, item) in (json.arrayValue ?? []).enumerated() { walk(item, "\(place)/\(index)") }
        }
        walk(document, "")
    }

    @Test func anEndpointOffersAModelOnlyForTheMediaThatItTakes() throws {
        let painter = Model(
            id: "painter-1", kind: "image", family: "sora", title: "", createdAt: Self.model.createdAt,
            rules: [.t2i: [], .i2i: []], vendors: ["openai"])
        let pair = Model(
            id: "pair-1", kind: "video", family: "sora", title: "", createdAt: Self.model.createdAt,
            rules: [.i2v: []], references: [.i2v: [ReferenceRule(.image, count: 2...2)]], vendors: ["openai"])
        let document = OpenAPIDocument(
            dialects: Dialects.described, models: [Self.model, painter, pair]
        ).json
        func part(_ reference: JSON?) -> JSON? {
            let name = reference?["$ref"]?.stringValue?.split(separator: "/").last ?? ""
            return document["components"]?["schemas"]?[String(name)]
        }
        func titles(_ path: String) -> [String] {
            let body = document["paths"]?[path]?["post"]?["requestBody"]?["content"]?["application/json"]
            let choice = part(body?["schema"]?["allOf"]?.arrayValue?.last)
            return (choice?["anyOf"]?.arrayValue ?? []).compactMap { part($0)?["title"]?.stringValue }
        }
        #expect(titles("/v1/images/generations") == ["painter-1, t2i", "painter-1, i2i"])
        #expect(titles("/v1/images/edits") == ["painter-1, i2i"])
        #expect(titles("/v1/videos/generations").contains { $0.hasPrefix("pair-1") })
        #expect(!titles("/v1/videos").contains { $0.hasPrefix("pair-1") }, "it takes one picture")
    }

    @Test func whatEndpointsHaveInCommonStandsThereOnce() throws {
        let shapes = try #require(document["components"]?["schemas"]?.objectValue)
        let texts = shapes.members.map { $0.value.text }
        #expect(Set(texts).count == texts.count)
        let once = document.serialized().count
        let others = (1...20).map { number in
            Model(
                id: "film 一 \(number)", kind: "video", family: "sora", title: "",
                createdAt: Self.model.createdAt,
                rules: Self.model.rules, vendors: ["openai"])
        }
        let many = OpenAPIDocument(dialects: Dialects.described, models: [Self.model] + others).json
        let names = try #require(many["components"]?["schemas"]?.objectValue?.names)
        #expect(names.allSatisfy { $0.wholeMatch(of: /[A-Za-z0-9._-]+/) != nil }, "\(names)")
        #expect((many.serialized().count - once) / others.count < 10_000, "bytes of each model")
    }

    @Test func theDocumentIsKeptUntilTheModelsChange() throws {
        let documents = Documents()
        func answer(_ models: [Model], _ origin: String = "https://example.com") throws -> (String, JSON) {
            let response = documents.encode(.models(models), for: Exchange(origin: origin))
            let bytes = response.pieces.reduce(into: response.body) { bytes, piece in
                if case .bytes(let more) = piece { bytes += more }
            }
            let tag = try #require(response.headers.first { $0.name == "ETag" }?.value)
            return (tag, try JSONParser.parse(bytes))
        }
        let (tag, first) = try answer([Self.model])
        #expect(first["servers"] == [["url": "https://example.com"]])
        #expect(first["paths"] == document["paths"] && first["openapi"] == "3.1.1")
        #expect(try answer([Self.model]).0 == tag)
        let (elsewhere, second) = try answer([Self.model], "https://elsewhere.example")
        #expect(elsewhere != tag && second["servers"] == [["url": "https://elsewhere.example"]])
        let (without, third) = try answer([])
        #expect(without != tag && third["x-models"] == [])
        #expect(try answer([Self.model]).0 == tag)
    }
}
