import Testing

/// Values travel as parameters: no SQL is put together from them.
@Suite struct SQLTests {
    /// Texts that are run as they are and are no plain literal.
    private static let scripts = [
        "migration.up": "a file of sql/migrations", "migration.down": "a file of sql/migrations",
        "roles": "the file sql/roles.sql",
        #""LISTEN \(channel)""#: "a channel's name from a list of constants",
        #""SET ROLE \(String(cString: quoted))""#: "the operator's own setting, quoted by libpq",
    ]

    @Test func onlyListedTextsAreRunAsTheyAre() throws {
        var found: Set<String> = []
        for file in try SourceTree.sources.get() {
            for (index, line) in file.lines.enumerated() {
                let isDeclaration = line.contains("func script(") || line.contains("subscript(")
                guard let start = line.firstRange(of: "script("), !isDeclaration else { continue }
                var argument = String(line[start.upperBound...])
                if argument.isEmpty { argument = String(file.lines[index + 1].drop { $0 == " " }) }
                if let known = Self.scripts.keys.first(where: argument.hasPrefix) {
                    found.insert(known)
                    continue
                }
                let isLiteral = argument.hasPrefix("\"") && !argument.contains("\\(")
                if !isLiteral || !file.path.hasPrefix("Sources/Store/") {
                    Issue.record("\(file):\(index + 1) runs \(argument)")
                }
            }
        }
        #expect(found == Set(Self.scripts.keys), "listed and gone")
    }

    @Test func aScriptOfSeveralLinesHoldsNoValues() throws {
        let files = try SourceTree.sources.get().filter { $0.path.hasPrefix("Sources/Store/") }
        for file in files {
            for part in file.text.split(separator: "script(").dropFirst() {
                guard part.drop(while: { $0.isWhitespace }).hasPrefix("\"\"\"") else { continue }
                let text = part.split(separator: "\"\"\"", maxSplits: 2)
                #expect(!text.dropFirst().first!.contains("\\("), "\(file)")
            }
        }
    }

    /// Parts that statements share: constants beside them.
    @Test func aStatementIsMadeOfConstants() throws {
        let files = try SourceTree.sources.get().filter { $0.path.hasPrefix("Sources/Store/") }
        let constants = Set(
            files.flatMap(\.lines).compactMap { line in
                line.firstRange(of: "static let ").map { line[$0.upperBound...].prefix { $0.isLetter } }
            })
        var statements = 0
        for file in files {
            let code = file.code
            for (first, line) in code.lines.enumerated() where line.contains(" Statement(") {
                statements += 1
                for text in file.lines[first...code.end(ofBracketsFrom: first)] {
                    for insert in text.split(separator: "\\(", omittingEmptySubsequences: false).dropFirst() {
                        let name = insert.prefix { $0 != ")" }.split(separator: ".").last ?? ""
                        #expect(constants.contains(name), "\(file):\(first + 1): \(name) is no constant")
                    }
                }
            }
        }
        #expect(statements > 30)
    }

    @Test func statementsStandInTheStoreOnly() throws {
        let words = ["\"SELECT ", "\"INSERT INTO ", "\"UPDATE ", "\"DELETE FROM ", "Statement("]
        for file in try SourceTree.sources.get() where !file.path.hasPrefix("Sources/Store/") {
            for (index, line) in file.lines.enumerated() {
                for word in words where line.contains(word) { Issue.record("\(file):\(index + 1) \(word)") }
            }
        }
    }

    @Test func aMigrationIsAPairThatSaysWhatItIsFor() throws {
        let files = try SourceTree.files(in: ["sql/migrations"], [".sql"])
        let ups = files.filter { $0.path.hasSuffix(".up.sql") }.map(\.stem)
        let downs = files.filter { $0.path.hasSuffix(".down.sql") }.map(\.stem)
        #expect(ups == downs)
        #expect(ups.count * 2 == files.count)
        for (index, stem) in ups.enumerated() {
            let number = String(index + 1)
            #expect(stem.hasPrefix(String(repeating: "0", count: 3 - number.count) + number + "_"), "\(stem)")
        }
        for file in files {
            let name = file.path.split(separator: "/").last ?? ""
            #expect(file.lines.first?.hasPrefix("-- \(name): ") == true, "\(file)")
        }
    }
}
