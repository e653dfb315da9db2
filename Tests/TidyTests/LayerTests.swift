import Testing

/// Who may know whom (docs/architecture.md). An arrow that is not here is refused, in the sources and in
/// Package.swift.
@Suite struct LayerTests {
    private static let layers: [String: Set<String>] = [
        "Core": [], "Dialects": ["Core"], "Upstream": ["Core", "CCurl"], "Store": ["Core", "CPostgres"],
        "Processes": ["Core", "CProcesses"], "Engine": ["Core", "Processes", "Store", "Upstream"],
        "FastCGI": ["Core", "CFastCGI"],
        "Sandbox": ["Core", "FastCGI", "Processes"],
        "FCGIApp": ["Core", "Dialects", "Engine", "FastCGI", "Sandbox", "Store", "Upstream"],
    ]

    /// What comes with the system and from packages: cryptography wherever bytes are hashed, the rest at the
    /// edge.
    private static let foreign: [String: Set<String>] = [
        "Core": ["Crypto"], "Dialects": ["Crypto"], "Store": ["Crypto"], "Engine": ["Crypto"],
        "FastCGI": ["Crypto"], "Upstream": ["Crypto"], "Sandbox": ["Crypto"],
        "FCGIApp": ["ArgumentParser", "Crypto", "CryptoExtras", "Logging"],
    ]
    private static let system: Set<String> = ["Glibc", "Musl", "Darwin", "Synchronization"]

    private func imports(_ file: SourceFile) -> [String] {
        file.code.lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let index = words.firstIndex(of: "import"), index <= 2 else { return nil }
            return words.dropFirst(index + 1).last.map { String($0.prefix { $0 != "." }) }
        }
    }

    @Test func aSourceImportsOnlyWhatItsLayerMayKnow() throws {
        for file in try SourceTree.sources.get() {
            let layer = String(file.path.split(separator: "/")[1])
            let known = try #require(Self.layers[layer], "\(file) is in no layer")
            let allowed = known.union(Self.foreign[layer] ?? []).union(Self.system)
            for name in imports(file) where !allowed.contains(name) {
                Issue.record("\(file) imports \(name)")
            }
        }
    }

    @Test func everyLayerHasSources() throws {
        let folders = try Set(SourceTree.sources.get().map { String($0.path.split(separator: "/")[1]) })
        #expect(folders == Set(Self.layers.keys))
    }

    /// `name` and the quoted names of `dependencies` of every target that Package.swift builds from Sources.
    private func targets() throws -> [String: Set<String>] {
        let text = try SourceTree.file("Package.swift").text
        var targets: [String: Set<String>] = [:]
        for part in text.split(separator: "arget(").dropFirst() where !part.contains("Tests\"") {
            let quoted = part.split(separator: "\"", omittingEmptySubsequences: false)
            guard quoted.count > 2, part.drop(while: { $0.isWhitespace }).hasPrefix("name:") else { continue }
            let list = part.firstRange(of: "dependencies: [").flatMap { start in
                part[start.upperBound...].firstIndex(of: "]").map { part[start.upperBound..<$0] }
            }
            let names = (list ?? "").split(separator: "\"", omittingEmptySubsequences: false).enumerated()
                .filter { $0.offset % 2 == 1 }.map { String($0.element) }
            targets[String(quoted[1])] = Set(names)
        }
        return targets
    }

    @Test func thePackageGivesALayerWhatItMayKnowAndNoMore() throws {
        let targets = try targets()
        for (layer, known) in Self.layers {
            let given = try #require(targets[layer], "\(layer) is no target")
            #expect(given == known, "\(layer)")
        }
    }

    @Test func onlyTheDoorsKnowWhatIsBehindThem() throws {
        let doors = [
            "CCurl": [
                "Sources/Upstream/CurlLines.swift", "Sources/Upstream/CurlTransport.swift",
                "Sources/Upstream/LiveReply.swift", "Sources/Upstream/Transfer",
                "Sources/Upstream/WebAddress.swift",
            ],
            "CProcesses": ["Sources/Processes/Spawn.swift"],
            "CPostgres": [
                "Sources/Store/Listener.swift", "Sources/Store/Postgres/", "Tests/TestSupport/Database/",
            ],
            "CFastCGI": ["Sources/FastCGI/"],
        ]
        for file in try SourceTree.swift() {
            for name in imports(file) {
                guard let allowed = doors[name] else { continue }
                #expect(allowed.contains { file.path.hasPrefix($0) }, "\(file) imports \(name)")
            }
        }
    }

    @Test func pureLayersTouchNothingOutside() throws {
        let calls = ["open(", "socket(", "fopen(", "system(", "getenv(", "clock_gettime(", "time(nil"]
        let pure = ["Sources/Dialects/", "Sources/Upstream/Vendors/"]
        for file in try SourceTree.sources.get() where pure.contains(where: file.path.hasPrefix) {
            for (index, line) in file.code.lines.enumerated() {
                for call in calls
                where line.ranges(of: call).contains(where: { range in
                    !(line[..<range.lowerBound].last.map { $0.isLetter || $0 == "." } ?? false)
                }) { Issue.record("\(file):\(index + 1) \(call)") }
            }
        }
    }
}
