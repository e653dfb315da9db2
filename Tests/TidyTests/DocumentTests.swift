import Core
import Dialects
import Testing

/// Pages that say what code says, and must say the same.
@Suite struct DocumentTests {
    /// The cells of every table row of a page, without their back-ticks.
    private func rows(of path: String) throws -> [[String]] {
        try SourceTree.file(path).lines.filter { $0.hasPrefix("| ") && !$0.hasPrefix("|--") }.map { line in
            line.split(separator: "|").map { cell in
                cell.filter { $0 != "`" }.split(separator: " ").joined(separator: " ")
            }
        }
    }

    // docs/errors.md

    @Test func everyErrorStandsInItsPageAsItIs() throws {
        let rows = try rows(of: "docs/errors.md").filter { $0[0].hasPrefix("KN") }
        #expect(rows.map { $0[1] } == ErrorCode.allCases.map(\.rawValue), "the same codes in the same order")
        for row in rows {
            let code = try #require(ErrorCode(rawValue: row[1]))
            let facts = code.facts
            #expect(
                Array(row[..<4]) == [facts.number, code.rawValue, String(facts.status), facts.retry.rawValue])
            #expect(row.count == 6 && row[4].count > 10 && row[5].count > 5, "\(row[1]) says too little")
        }
    }

    @Test func aNumberIsUsedOnceAndTellsItsGroup() throws {
        let numbers = ErrorCode.allCases.map(\.facts.number)
        #expect(Set(numbers).count == numbers.count)
        let groups = numbers.map { $0.dropFirst(2).first! }
        #expect(groups == groups.sorted(), "codes stand by group")
        #expect(numbers.allSatisfy { $0.count == 5 && $0.hasPrefix("KN") && Int($0.dropFirst(2)) != nil })
        let text = try SourceTree.file("Sources/Core/ErrorCode+facts.swift").text
        let mentioned = text.split(separator: "KN").dropFirst().map { $0.prefix { $0.isNumber } }
        #expect(mentioned.count == Set(mentioned).count, "a retired number was used again")
    }

    @Test func aCodeIsOneWordOfSnakeCase() {
        let codes = ErrorCode.allCases.map(\.rawValue)
        #expect(Set(codes).count == codes.count)
        #expect(codes.allSatisfy { $0.allSatisfy { $0.isASCII && ($0.isLowercase || $0 == "_") } })
    }

    // docs/task-states.md

    @Test func theDiagramShowsEveryStepAndNoOther() throws {
        let steps = try SourceTree.file("docs/task-states.md").lines.compactMap { line -> String? in
            let words = line.split(separator: " ")
            guard words.count > 2, words[1] == "-->" else { return nil }
            return "\(words[0]) \(words[2])"
        }
        let expected =
            TaskState.allCases.flatMap { state in state.successors.map { "\(state) \($0)" } }
            + TaskState.allCases.filter(\.isFinal).map { "\($0) [*]" } + ["[*] queued"]
        #expect(steps.sorted() == expected.sorted())
    }

    @Test func thePageNamesEveryStateAndEveryPhase() throws {
        let rows = try rows(of: "docs/task-states.md")
        let states = TaskState.allCases.map(\.rawValue)
        #expect(
            rows.filter { states.contains($0[0]) && $0.count == 4 }.map { $0[0] }.sorted() == states.sorted())
        let phases = TaskPhase.allCases.map(\.rawValue)
        #expect(rows.filter { phases.contains($0[0]) }.map { $0[0] } == phases)
    }

    @Test func thePageShowsWhatClientsSee() throws {
        let rows = try rows(of: "docs/task-states.md").filter {
            $0.count == 2 && TaskState(rawValue: $0[0]) != nil
        }
        #expect(rows.count == TaskState.allCases.count)
        for row in rows {
            let task = MediaTask(
                row: 1, id: .random(), model: "m", kind: .video, category: .t2v,
                state: try #require(TaskState(rawValue: row[0])),
                progress: 0, prompt: "", parameters: [:], createdAt: Timestamp(seconds: 0))
            let response = OpenAIVideos().encode(.task(task), for: Exchange())
            let word = try JSONParser.parse(response.body)["status"]?.stringValue ?? ""
            #expect(row[1].prefix { $0 != ";" } == word, "\(row[0])")
        }
    }

    private func list(of constraint: String, in path: String) throws -> [String] {
        let text = try SourceTree.file(path).text
        let start = try #require(
            text.firstRange(of: "CONSTRAINT \(constraint) CHECK"), "\(path) \(constraint)")
        let check = text[start.upperBound...]
        let end =
            [check.firstRange(of: "CONSTRAINT"), check.firstRange(of: "\n)")]
            .compactMap { $0?.lowerBound }.min() ?? check.endIndex
        return check[..<end].split(separator: "'", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    @Test(arguments: ["sql/migrations/001_foundation.up.sql", "sql/schema.sql"])
    func theDatabaseKnowsTheSameStatesAndPhases(_ path: String) throws {
        #expect(try list(of: "task_state_known", in: path) == TaskState.allCases.map(\.rawValue))
        #expect(try list(of: "task_phase_known", in: path) == TaskPhase.allCases.map(\.rawValue))
        let final = TaskState.allCases.filter(\.isFinal).map(\.rawValue)
        #expect(try list(of: "task_finished_iff_final", in: path) == final)
        #expect(try list(of: "task_kind_known", in: path) == MediaKind.allCases.map(\.rawValue))
    }

    // docs/operations.md

    @Test func everyReasonToWaitIsExplainedInItsOrder() throws {
        let codes = WaitingReason.Code.allCases.map(\.rawValue)
        let rows = try rows(of: "docs/operations.md").filter { codes.contains($0[0]) && $0.count == 2 }
        #expect(rows.map { $0[0] } == codes)
        let text = try SourceTree.file("sql/schema.sql").text
        let start = try #require(text.firstRange(of: "CREATE FUNCTION kinora.waiting_reason"))
        let body = text[start.upperBound...].prefix(2000)
        for code in codes { #expect(body.contains("'\(code)'"), "\(code)") }
    }

    // Settings

    private func names(in text: Substring) -> [String] {
        let quoted = text.split(separator: "\"").map(String.init)
        return quoted.filter { $0.hasPrefix("KINORA_") || $0 == "DATABASE_URL" }
    }

    @Test func everySettingIsReadPrintedAndExplained() throws {
        let text = try SourceTree.file("Sources/FCGIApp/Configuration.swift").text
        let halves = text.split(separator: "var printed:", maxSplits: 1)
        try #require(halves.count == 2)
        let read = names(in: halves[0])
        let printed = names(in: halves[1])
        #expect(Set(read).count == read.count, "read twice")
        #expect(Set(read) == Set(printed))
        let explained = try rows(of: "docs/operations.md").map { $0[0] }
            .filter { $0.hasPrefix("KINORA_") || $0 == "DATABASE_URL" }
        #expect(explained.sorted() == read.sorted())
        for name in read {
            let comment = halves[0].split(separator: "\n").contains {
                $0.contains("///") && $0.contains("`\(name)`")
            }
            #expect(comment, "\(name) is explained at no property")
        }
    }

    @Test func onlyTheConfigurationReadsTheEnvironment() throws {
        let words = ["getenv(", "environ", "ProcessInfo"]
        // The second speaks to who started the process, in systemd's own words.
        let readers = ["Sources/FCGIApp/Configuration.swift", "Sources/FCGIApp/Termination.swift"]
        for file in try SourceTree.sources.get() where !readers.contains(file.path) {
            for (index, line) in file.code.lines.enumerated() {
                let names = line.split { !$0.isLetter && $0 != "(" }
                for word in words
                where names.contains(where: { $0.hasPrefix(word) && $0.count <= word.count }) {
                    Issue.record("\(file):\(index + 1) \(word)")
                }
            }
        }
    }

    // Golden files

    @Test func everyGoldenFileIsReadByATest() throws {
        let folders = try SourceTree.tests.get().flatMap { file in
            file.text.split(separator: "Golden.cases(in: \"").dropFirst().map { $0.prefix { $0 != "\"" } }
        }
        for file in try SourceTree.files(in: ["Tests/Golden"]) {
            let isRead = folders.contains { file.path.hasPrefix("Tests/Golden/\($0)/") }
            #expect(isRead && file.path.hasSuffix(".txt"), "\(file) is read by no test")
        }
    }
}
