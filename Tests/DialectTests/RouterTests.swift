import Core
import Dialects
import Testing

@Suite struct RouterTests {
    /// Two dialects that share a path, one of them with a fixed segment where the other has a name.
    private struct Speaker: Dialect {
        let name: String
        let routes: [Route]
        func decode(_ request: Request, for match: RouteMatch) -> Command { .health }
        func encode(_ outcome: Outcome, for exchange: Exchange) -> Response { Response(status: 200) }
        func encode(_ error: KinoraError, for exchange: Exchange) -> Response { Response(status: 500) }
    }

    private let router = Router(
        [
            Speaker(
                name: "first",
                routes: [
                    Route(.get, "/v1/videos/:id"), Route(.delete, "/v1/videos/:id"),
                    Route(.get, "/v1/videos"),
                    Route(.get, "/v1/videos/:id/content"), Route(.get, "/:any/videos/mine"),
                ]),
            Speaker(
                name: "second",
                routes: [
                    Route(.post, "/v1/videos"), Route(.post, "/v1/videos/generations"),
                    Route(.get, "/v1/:kind/:id/content"),
                ]),
        ], fallback: Speaker(name: "fallback", routes: []))

    /// `dialect pattern values`, or the error's code.
    private func found(_ method: Method?, _ target: String) -> String {
        do throws(KinoraError) {
            let (dialect, match) = try router.route(method, RequestPath(target: target))
            let values = match.values.map { " \($0)" }.joined()
            return "\(dialect.name) /\(match.route.pattern.joined(separator: "/"))\(values)"
        } catch {
            return error.code.rawValue
        }
    }

    @Test(
        arguments: [
            (.get, "/v1/videos", "first /v1/videos"), (.post, "/v1/videos", "second /v1/videos"),
            (.get, "/v1/videos/x", "first /v1/videos/:id x"),
            (.delete, "/v1/videos/x", "first /v1/videos/:id x"),
            (.head, "/v1/videos/x", "first /v1/videos/:id x"),
            (.get, "/v1/videos?limit=1", "first /v1/videos"),
            (.post, "/v1/videos/generations", "second /v1/videos/generations"),
            (.get, "/v1/videos/x/content", "first /v1/videos/:id/content x"),
            (.get, "/v1/images/x/content", "second /v1/:kind/:id/content images x"),
            (.get, "/v2/videos/mine", "first /:any/videos/mine v2"),
        ] as [(Core.Method, String, String)])
    func theRouteWithTheMostFixedSegmentsAnswers(_ method: Core.Method, _ target: String, _ expected: String)
    {
        #expect(found(method, target) == expected)
    }

    @Test(
        arguments: [
            ("//v1//videos", "first /v1/videos"), ("/v1/videos/", "first /v1/videos"),
            ("/v1/videos///x//", "first /v1/videos/:id x"), ("/%76%31/videos", "first /v1/videos"),
            ("/v1/videos/a%20b", "first /v1/videos/:id a b"), ("/v1/videos/:id", "first /v1/videos/:id :id"),
            ("/v1/videos/%E7%8C%AB", "first /v1/videos/:id 猫"),
            ("/v1/videos/a;b", "first /v1/videos/:id a;b"),
        ])
    func gatewaysInFrontMaySpellAPathLoosely(_ target: String, _ expected: String) {
        #expect(found(.get, target) == expected)
    }

    @Test(arguments: [
        "/", "", "/v1", "/V1/videos", "/v1/Videos", "/v1/videos/x/y", "/v1/videos/x/content/y", "/v1/video",
        "/v1/videos.json", "/v1 /videos", "/v1/videos%3Flimit=1/x/y",
    ])
    func whatNoDialectListsDoesNotExist(_ target: String) {
        #expect(["not_found", "malformed_request"].contains(found(.get, target)))
        #expect(found(.post, target) == found(.get, target))
    }

    @Test(arguments: [
        "/v1/./videos", "/v1/../v1/videos", "/v1/%2e%2e/videos", "/v1%2Fvideos", "/v1/videos/a%2Fcontent",
        "/v1\\videos", "/v1/videos/%00", "/v1/videos/x%00.mp4", "/v1/videos/%0d%0aX", "/v1/videos/%ff",
        "/v1/%",
    ])
    func aPathThatTwoReadersCouldReadDifferentlyIsRefused(_ target: String) {
        #expect(found(.get, target) == "malformed_request")
    }

    @Test(
        arguments: [
            (.put, "/v1/videos"), (.delete, "/v1/videos"), (.patch, "/v1/videos/x"), (.options, "/v1/videos"),
            (nil, "/v1/videos"), (.put, "/v1/videos/generations"), (.post, "/v1/videos/x/content"),
            (.get, "/v1/videos/generations"), (.delete, "/v1/videos/generations"),
        ] as [(Core.Method?, String)])
    func anotherMethodOfAKnownPathIsNotAllowed(_ method: Core.Method?, _ target: String) {
        #expect(found(method, target) == "method_not_allowed")
    }

    @Test(
        arguments: [
            ("/v1/videos", ["GET", "POST"]), ("/v1/videos/x", ["DELETE", "GET"]), ("/nowhere", []),
            ("/v1/videos/generations", ["POST"]),
        ] as [(String, [String])])
    func aPathKnowsItsMethods(_ target: String, _ methods: [String]) throws {
        #expect(try router.methods(of: RequestPath(target: target)).map(\.rawValue).sorted() == methods)
    }

    @Test func aVeryLongPathIsMatchedOrNotFound() {
        let long = String(repeating: "x", count: 1 << 20)
        #expect(found(.get, "/v1/videos/\(long)") == "first /v1/videos/:id \(long)")
        #expect(found(.get, "/v1/videos" + String(repeating: "/x", count: 100_000)) == "not_found")
        #expect(found(.get, "/" + long) == "not_found")
    }

    @Test func aKnownDialectHasNoRouteTwice() {
        for dialect in Dialects.all {
            let routes = dialect.routes.map { "\($0.method.rawValue) \($0.pattern.joined(separator: "/"))" }
            #expect(Set(routes).count == routes.count, "\(dialect.name)")
        }
    }

    /// Two dialects that say the same address would hide one another.
    @Test func noAddressBelongsToTwo() {
        var owners: [String: [String]] = [:]
        for dialect in Dialects.all {
            for route in dialect.routes {
                let path = route.pattern.map { $0.hasPrefix(":") ? ":" : $0 }.joined(separator: "/")
                owners["\(route.method.rawValue) /\(path)", default: []].append(dialect.name)
            }
        }
        for (address, names) in owners { #expect(names.count == 1, "\(address): \(names)") }
    }

    @Test(arguments: ["sora", "jimeng"]) func aPrefixHasWhatNeedsAKey(_ prefix: String) throws {
        let router = Router(Dialects.all, fallback: Dialects.all[0])
        for (method, path) in [
            (.get, "v1/models"), (.get, "v1/models/x"), (.post, "v1/videos"), (.get, "v1/videos/x"),
            (.post, "v1/videos/generations"), (.post, "v1/images/generations"),
        ] as [(Core.Method, String)] {
            let found = try router.route(method, RequestPath(target: "/\(prefix)/\(path)"))
            #expect(found.match.mount == prefix)
        }
        for path in ["media/x", "api/health", "callback/x", "api/relay/v1/models", "api/relay/v1/embeddings"]
        {
            #expect(try router.methods(of: RequestPath(target: "/\(prefix)/\(path)")).isEmpty)
        }
    }

    @Test(
        arguments: [
            ("jimeng", .post, "/v1/videos/generations", "jimeng"), ("jimeng", .get, "/v1/models", "jimeng"),
            ("jimeng", .get, "/jimeng/v1/models", "jimeng"), ("jimeng", .get, "/sora/v1/models", "not_found"),
            ("jimeng", .post, "/api/generate", "not_found"), ("jimeng", .post, "/v1/characters", "not_found"),
            ("sora", .post, "/v1/characters", "sora"), ("sora", .put, "/v1/videos", "method_not_allowed"),
            ("openart", .post, "/api/generate", "openart"), ("openart", .post, "/v1/videos", "not_found"),
            ("openart", .get, "/api/task/x", "openart x"),
            // What collides with nobody is where it is, and so is what is open.
            ("openart", .post, "/api/video/submit", ""), ("sora", .post, "/v1/batches", ""),
            ("openart", .post, "/api/relay/v1/chat/completions", ""),
            ("sora", .post, "/api/relay/v1/images/generations", ""),
            ("jimeng", .get, "/api/relay/v1/models/x", " x"),
            ("jimeng", .get, "/api/health", ""), ("sora", .post, "/callback/x", " x"),
            ("luma", .get, "/v1/videos", "internal_error"), ("", .get, "/v1/videos", "internal_error"),
        ] as [(String, Core.Method, String, String)])
    func aHostMayHaveOneAPIAlone(
        _ host: String, _ method: Core.Method, _ target: String, _ expected: String
    ) throws {
        let router = Router(Dialects.all, fallback: Dialects.all[0])
        let path = try RequestPath(target: target)
        var found: String
        do throws(KinoraError) {
            let (_, match) = try router.route(method, path, at: host)
            found = (match.mount ?? "") + match.values.map { " \($0)" }.joined()
        } catch {
            found = error.code.rawValue
        }
        #expect(found == expected)
        let isThere = !["not_found", "internal_error"].contains(expected)
        #expect(router.methods(of: path, at: host).isEmpty != isThere || expected == "internal_error")
    }

    @Test func aHostOfOneAPIRefusesInItsWords() throws {
        let router = Router(Dialects.all, fallback: Dialects.all[0])
        for path in ["/v1/nowhere", "/nowhere", "/api/tasks/x/y"] {
            let path = try RequestPath(target: path)
            #expect(router.speaker(of: path, at: "openart").name == "openart")
        }
    }

    @Test func onlyTheseRoutesAreOpen() {
        let open = Dialects.all.flatMap(\.routes).filter { $0.access == .open }
            .map { "\($0.method.rawValue) /\($0.pattern.joined(separator: "/"))" }
        #expect(
            Set(open) == [
                "GET /api/health", "GET /media/:name", "GET /openapi.json", "POST /callback/:token",
            ])
    }
}
