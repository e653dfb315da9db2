import Foundation

/// One golden pair file: what goes in, a line of at least ten dashes, what must come out.
///
/// A file may have more than one rule: the last separates the expected half, the others divide the input
/// into `sections`. `GOLDEN_UPDATE=1` rewrites the expected half with what the code gives; adding a case is
/// writing its input and running the tests so once, then reading the diff.
///
/// A new case without sections needs no rule; one with sections ends in a rule. Expected text may not hold
/// a line of dashes itself.
public struct GoldenCase: Sendable, CustomStringConvertible {
    /// The path below Tests/Golden.
    public let name: String
    /// Everything above the last rule, without the line end before it.
    public let input: String
    /// Nil when the file has no rule yet.
    public let expected: String?

    /// The input, divided at its own rules; at least one.
    public var sections: [String] {
        input.split(separator: "\n", omittingEmptySubsequences: false)
            .split(omittingEmptySubsequences: false, whereSeparator: Golden.isRule)
            .map { $0.joined(separator: "\n") }
    }

    public var description: String { name }

    /// Compares; nil when `actual` is what the file expects, or has just become so by `GOLDEN_UPDATE=1`.
    /// Line ends at the end of either text do not count.
    public func mismatch(with actual: String) throws -> GoldenMismatch? {
        let actual = Golden.withoutTrailingLineEnds(actual)
        if actual == expected { return nil }
        guard Golden.isUpdating else {
            return GoldenMismatch(name: name, expected: expected, actual: actual)
        }
        let text = "\(input)\n\(Golden.rule)\n\(actual)\n"
        try text.write(to: Golden.root.appending(path: name), atomically: true, encoding: .utf8)
        return nil
    }
}

/// A golden file that the code no longer agrees with. Prints the first line that differs, and both texts.
public struct GoldenMismatch: Sendable, CustomStringConvertible {
    public let name: String
    public let expected: String?
    public let actual: String

    public var description: String {
        guard let expected else {
            return "\(name) has no expected half (GOLDEN_UPDATE=1 writes one). Actual:\n\(actual)"
        }
        let wanted = expected.split(separator: "\n", omittingEmptySubsequences: false)
        let given = actual.split(separator: "\n", omittingEmptySubsequences: false)
        let line = zip(wanted, given).prefix { $0 == $1 }.count + 1
        return """
            \(name) differs from line \(line) of its expected half on.
            --- expected
            \(expected)
            --- actual
            \(actual)
            """
    }
}

/// The golden pair files below Tests/Golden.
public enum Golden {
    /// Every `.txt` file in a folder below Tests/Golden and in its subfolders, in order of their names.
    /// Throws when there is none: a renamed folder must not pass for a tested one.
    public static func cases(in folder: String) throws -> [GoldenCase] {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
        let names = paths.filter { $0.hasSuffix(".txt") }.sorted().map { "\(folder)/\($0)" }
        guard !names.isEmpty else { throw GoldenFolderIsEmpty(folder: folder) }
        return try names.map(read)
    }

    public struct GoldenFolderIsEmpty: Error { public let folder: String }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Golden")
    static let rule = "----------"
    static var isUpdating: Bool { ProcessInfo.processInfo.environment["GOLDEN_UPDATE"] == "1" }

    static func isRule(_ line: Substring) -> Bool { line.count >= 10 && line.allSatisfy { $0 == "-" } }

    static func withoutTrailingLineEnds(_ text: String) -> String {
        var text = text[...]
        while text.last?.isNewline == true { text.removeLast() }
        return String(text)
    }

    private static func read(_ name: String) throws -> GoldenCase {
        let text = try String(contentsOf: root.appending(path: name), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let end = lines.lastIndex(where: isRule) else {
            return GoldenCase(name: name, input: withoutTrailingLineEnds(text), expected: nil)
        }
        let expected = lines[(end + 1)...].joined(separator: "\n")
        return GoldenCase(
            name: name, input: lines[..<end].joined(separator: "\n"),
            expected: withoutTrailingLineEnds(expected))
    }
}
