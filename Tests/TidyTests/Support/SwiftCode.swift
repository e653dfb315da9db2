/// Swift source with comments and the insides of string literals replaced by blanks, line by line as it was:
/// what is left are names, keywords and braces.
struct SwiftCode {
    private(set) var lines: [String] = []
    private var rest: Substring
    private var line = ""

    init(_ text: String) {
        rest = text[...]
        while !rest.isEmpty { step() }
        lines.append(line)
    }

    /// A function, initialiser or computed property with a body.
    struct Body {
        let name: String
        /// Index of the line on which its declaration begins.
        let first: Int
        let last: Int
        var lineCount: Int { last - first + 1 }
    }

    private mutating func keep() {
        let character = rest.removeFirst()
        if character.isNewline {
            lines.append(line)
            line = ""
        } else {
            line.append(character)
        }
    }

    private mutating func blot(_ count: Int = 1) {
        for _ in 0..<count where !rest.isEmpty {
            let character = rest.removeFirst()
            if character.isNewline {
                lines.append(line)
                line = ""
            } else {
                line.append(" ")
            }
        }
    }

    private mutating func step() {
        if rest.hasPrefix("//") {
            while let next = rest.first, !next.isNewline { blot() }
        } else if rest.hasPrefix("/*") {
            while !rest.isEmpty, !rest.hasPrefix("*/") { blot() }
            blot(2)
        } else if rest.first == "\"" || rest.hasPrefix("#\"") || rest.hasPrefix("##\"") {
            literal()
        } else {
            keep()
        }
    }

    private mutating func literal() {
        let hashes = String(rest.prefix { $0 == "#" })
        let quotes = rest.dropFirst(hashes.count).hasPrefix("\"\"\"") ? "\"\"\"" : "\""
        let end = quotes + hashes
        blot(hashes.count)
        for _ in quotes { keep() }
        while !rest.isEmpty, !rest.hasPrefix(end) {
            if rest.hasPrefix("\\\(hashes)(") {
                blot(hashes.count + 1)
                interpolation()
            } else if rest.hasPrefix("\\\(hashes)") {
                blot(hashes.count + 2)
            } else {
                blot()
            }
        }
        for _ in quotes where !rest.isEmpty { keep() }
        blot(hashes.count)
    }

    /// Code inside a literal is code.
    private mutating func interpolation() {
        var depth = 0
        while let next = rest.first {
            if next == "(" { depth += 1 }
            if next == ")" { depth -= 1 }
            step()
            if depth == 0 { return }
        }
    }

    private static let modifiers: Set<Substring> = [
        "public", "private", "internal", "package", "fileprivate", "static", "override", "final", "mutating",
        "nonisolated", "@discardableResult", "@Test", "consuming", "borrowing", "lazy", "private(set)",
        "required",
        "convenience", "@inlinable",
    ]
    private static let beginnings: Set<Substring> = ["func", "init", "init?", "deinit", "subscript", "var"]

    /// The name of what a line begins to declare; nil when it declares nothing with a body.
    private static func declaration(_ line: String) -> String? {
        let words = line.split { " (<:".contains($0) }.drop { modifiers.contains($0) || $0.hasPrefix("@") }
        guard let keyword = words.first, beginnings.contains(keyword) else { return nil }
        guard keyword == "func" || keyword == "var" else { return String(keyword) }
        return words.dropFirst().first.map { "\(keyword) \($0)" }
    }

    /// The line on which the brackets are closed that a line opens.
    func end(ofBracketsFrom first: Int) -> Int {
        var depth = 0
        for (index, line) in lines[first...].enumerated() {
            depth += line.count { "([{".contains($0) } - line.count { ")]}".contains($0) }
            if depth <= 0 { return first + index }
        }
        return lines.count - 1
    }

    var bodies: [Body] {
        var bodies: [Body] = []
        for (first, line) in lines.enumerated() {
            guard let name = Self.declaration(line) else { continue }
            var depth = 0, hasBegun = false, last = first
            scan: for (index, text) in lines[first...].enumerated() {
                for character in text {
                    if "{([".contains(character) { depth += 1 }
                    if "})]".contains(character) { depth -= 1 }
                    if character == "{" { hasBegun = true }
                    // The enclosing type ends: it was a requirement, or a stored property.
                    if depth < 0 { break scan }
                }
                last = first + index
                if depth == 0, hasBegun { break }
                // A declaration goes on in the next line only inside brackets, or with its result or its
                // body.
                let next = first + index + 1 < lines.count ? lines[first + index + 1].drop { $0 == " " } : ""
                if depth == 0, !["{", "->", "throws", "where"].contains(where: next.hasPrefix) { break }
            }
            if hasBegun { bodies.append(Body(name: name, first: first, last: last)) }
        }
        return bodies
    }
}
