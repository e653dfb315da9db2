import Testing

/// Sizes and words. What may differ stands here, with its reason.
@Suite struct StyleTests {
    private static let columnsMax = 110
    private static let functionLinesMax = 70
    private static let fileLinesMax = 400
    private static let configurationColumnsMax = 120

    @Test func aLineOfSwiftFitsTheScreen() throws {
        for file in try SourceTree.swift() {
            for (index, line) in file.lines.enumerated() where line.count > Self.columnsMax {
                Issue.record("\(file):\(index + 1) has \(line.count) columns")
            }
        }
    }

    /// A table may be longer than code: it is looked up, not followed.
    private static let tables = ["Sources/Core/ErrorCode+facts.swift"]

    @Test func aFunctionFitsTheScreen() throws {
        for file in try SourceTree.swift() where !Self.tables.contains(file.path) {
            for body in file.code.bodies where body.lineCount > Self.functionLinesMax {
                Issue.record("\(file):\(body.first + 1) \(body.name) has \(body.lineCount) lines")
            }
        }
    }

    @Test func aFileCanBeReadAtOnce() throws {
        let others = try SourceTree.files(in: ["nginx"], [".conf", ".js", ".css"])
        for file in try SourceTree.swift() + others where file.lines.count > Self.fileLinesMax + 1 {
            Issue.record("\(file) has \(file.lines.count - 1) lines")
        }
    }

    @Test func aLineOfAScriptOrOfNginxIsNotMuchLonger() throws {
        let files = try SourceTree.files(in: ["nginx"], [".conf"]) + SourceTree.files(in: ["script"])
        for file in files {
            for (index, line) in file.lines.enumerated() where line.count > Self.configurationColumnsMax {
                // nginx cannot continue a text on the next line.
                let text = line.drop { $0 == " " }
                let isOneText = text.first == "'" || text.first == "\"" || text.hasPrefix("ssl_ciphers ")
                if !isOneText || !file.path.hasSuffix(".conf") {
                    Issue.record("\(file):\(index + 1) has \(line.count) columns")
                }
            }
        }
    }

    /// A comment on a table is one text, and psql shows it so.
    @Test func aLineOfSQLIsNotMuchLongerUnlessItIsAComment() throws {
        for file in try SourceTree.files(in: ["sql/migrations"], [".sql"]) {
            for (index, line) in file.lines.enumerated() where line.count > Self.configurationColumnsMax {
                if !line.hasPrefix("COMMENT ON ") {
                    Issue.record("\(file):\(index + 1) has \(line.count) columns")
                }
            }
        }
    }

    @Test func nothingIsLeftForLater() throws {
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        let folders = ["Sources", "Tests", "nginx", "script", "sql", "docs"]
        for file in try SourceTree.files(
            in: folders, [".swift", ".h", ".conf", ".js", ".css", ".sql", ".md", ".py", ""])
        {
            for (index, line) in file.lines.enumerated() {
                let found = line.split { !$0.isLetter }.contains { words.contains(String($0)) }
                if found { Issue.record("\(file):\(index + 1): \(line)") }
            }
        }
    }

    @Test(
        arguments: [
            ("try!", "an error must be thrown on, or trap with a reason"), ("as!", "ask, then act"),
            ("fatalError(", "precondition says what was expected"),
            ("print(", "output goes through Log or writeLine"), ("debugPrint(", "as print"),
            ("NSLog(", "as print"),
        ])
    func someWordsAreNotUsed(_ word: String, _ reason: String) throws {
        for file in try SourceTree.swift() {
            for (index, line) in file.code.lines.enumerated() {
                for range in line.ranges(of: word) {
                    let before = line[..<range.lowerBound]
                    let isPartOfAName =
                        before.last.map { $0.isLetter || $0.isNumber || ".`_".contains($0) } ?? false
                    let isDeclared = before.hasSuffix("func ")
                    if !isPartOfAName, !isDeclared { Issue.record("\(file):\(index + 1) \(word): \(reason)") }
                }
            }
        }
    }

    /// Promises that the compiler cannot check.
    private static let promises = [
        "Sources/Core/Concurrency/Signal.swift @unchecked Sendable":
            "pthread objects, touched by pthread calls only",
        "Sources/Core/Concurrency/Guarded.swift @unchecked Sendable": "a value behind a lock that sleeps",
        "Sources/Store/Postgres/Pool.swift @unchecked Sendable": "one session, lent to one thread at a time",
        "Sources/Engine/RelayStream.swift @unchecked Sendable": "read by one thread: the request's",
        "Sources/Engine/TaskWatch.swift @unchecked Sendable": "read by one thread: the request's",
        "Sources/Upstream/CurlLines.swift @unchecked Sendable":
            "a handle of curl, lent to one thread at a time",
        "Sources/Upstream/CurlTransport.swift @unchecked Sendable":
            "only curl_multi_wakeup, made for other threads",
        "Sources/Upstream/Transfer.swift @unchecked Sendable":
            "after its start touched by one thread only",
        "Tests/TestSupport/Database/TestDatabase.swift @unchecked Sendable": "one session behind a mutex",
    ]

    @Test func everyUncheckedPromiseIsListedWithItsReason() throws {
        var found: Set<String> = []
        for file in try SourceTree.swift() {
            for line in file.code.lines {
                for word in ["@unchecked Sendable", "nonisolated(unsafe)", "@unsafe", "unsafeBitCast("]
                where line.contains(word) { found.insert("\(file.path) \(word)") }
            }
        }
        #expect(found.subtracting(Self.promises.keys).sorted() == [], "not listed")
        #expect(Set(Self.promises.keys).subtracting(found).sorted() == [], "listed and gone")
    }

    /// Files that hold small things of one kind under its name.
    private static let collections = [
        "Sources/FCGIApp/Files.swift": "functions on files",
        "Sources/FCGIApp/Passwords.swift": "functions on passwords",
        "Sources/Core/Version.swift": "a constant",
        "Sources/FCGIApp/CLI/Run.swift": "the three commands that run the service",
    ]

    @Test func aFileIsNamedAfterItsMainType() throws {
        for file in try SourceTree.sources.get() where Self.collections[file.path] == nil {
            let type = file.stem.prefix { $0 != "+" }
            let kinds =
                file.stem.contains("+")
                ? ["extension"]
                : [
                    "struct", "class", "enum", "protocol", "actor", "typealias", "extension",
                ]
            let names = [String(type)] + (type.hasSuffix("s") ? [String(type.dropLast())] : [])
            let isDeclared = file.code.lines.contains { line in
                let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
                return zip(words, words.dropFirst()).contains {
                    kinds.contains(String($0)) && names.contains(String($1))
                }
            }
            #expect(isDeclared, "\(file) declares no \(type)")
        }
    }
}
