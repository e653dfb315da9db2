import Foundation

/// The project's own files, as the tests of its form read them.
struct SourceFile: Sendable, CustomStringConvertible {
    /// From the project's root.
    let path: String
    let text: String

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    /// Comments and the insides of texts blotted out.
    var code: SwiftCode { SwiftCode(text) }
    /// The name without folder and suffix.
    var stem: String { String(path.split(separator: "/").last!.split(separator: ".").first!) }
    var description: String { path }
}

enum SourceTree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    struct NothingFound: Error { let folder: String }

    static func file(_ path: String) throws -> SourceFile {
        SourceFile(path: path, text: try String(contentsOf: root.appending(path: path), encoding: .utf8))
    }

    /// Every file below the folders with one of the suffixes (all, when none is named), in order of their
    /// paths.
    static func files(in folders: [String], _ suffixes: [String] = []) throws -> [SourceFile] {
        try folders.flatMap { folder in
            let names = try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
            let paths = names.sorted().map { "\(folder)/\($0)" }.filter { path in
                (suffixes.isEmpty || suffixes.contains { path.hasSuffix($0) })
                    && !path.contains("/__pycache__/") && isFile(path)
            }
            guard !paths.isEmpty else { throw NothingFound(folder: folder) }
            return try paths.map(file)
        }
    }

    private static func isFile(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: root.appending(path: path).path, isDirectory: &isFolder)
            && !isFolder.boolValue
    }

    static let sources = Result { try files(in: ["Sources"], [".swift"]) }
    static let tests = Result { try files(in: ["Tests"], [".swift"]) }
    static func swift() throws -> [SourceFile] { try sources.get() + tests.get() }
}
