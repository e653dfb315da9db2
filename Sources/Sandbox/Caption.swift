/// A prompt as lines for a picture.
enum Caption {
    /// Widths are counted in twentieths of the font's size, roughly as sans-serif fonts have them.
    private static func width(of character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.value {
        case 0x1100...0x11FF, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F,
            0xFF00...0xFF60, 0x1F000...0x3FFFF:
            return 20
        case 0x41...0x5A, 0x6D, 0x77, 0x25, 0x40: return 16
        case 0x20, 0x2E, 0x2C, 0x69, 0x6C, 0x27: return 7
        default: return 12
        }
    }

    /// Breaks text into at most `lineCountMax` lines of at most `widthMax` twentieths; what does not fit
    /// is cut with an ellipsis. Control characters become blanks.
    static func lines(_ text: String, widthMax: Int, lineCountMax: Int) -> [String] {
        var lines: [String] = []
        // A picture holds few of the 32,000 characters of a long prompt.
        for paragraph in text.prefix(4000).split(whereSeparator: \.isNewline) {
            lines += wrapped(clean(paragraph), widthMax: widthMax)
            if lines.count > lineCountMax { break }
        }
        guard lines.count > lineCountMax else { return lines }
        lines.removeSubrange(lineCountMax...)
        lines[lineCountMax - 1] += "…"
        return lines
    }

    private static func clean(_ text: Substring) -> [Character] {
        text.map { character in
            let isControl = character.unicodeScalars.contains { scalar in
                [.control, .format, .surrogate, .unassigned, .privateUse].contains(
                    scalar.properties.generalCategory)
            }
            return isControl || character.isWhitespace ? " " : character
        }
    }

    private static func wrapped(_ characters: [Character], widthMax: Int) -> [String] {
        var lines: [String] = []
        var line: [Character] = []
        var lineWidth = 0
        for character in characters {
            let width = width(of: character)
            if lineWidth + width > widthMax, !line.isEmpty {
                // Words stay whole where there is a blank to break at; Chinese breaks anywhere.
                let isInsideWord = character.isASCII && character != " "
                let blank = isInsideWord ? line.lastIndex(of: " ") : nil
                let rest = blank.map { Array(line[($0 + 1)...]) } ?? []
                lines.append(String(line[..<(blank ?? line.endIndex)]))
                line = rest
                lineWidth = rest.reduce(0) { $0 + Self.width(of: $1) }
            }
            if character == " ", line.isEmpty { continue }
            line.append(character)
            lineWidth += width
        }
        return line.isEmpty ? lines : lines + [String(line)]
    }
}

/// Text in an ffmpeg filter graph.
enum FilterText {
    /// A value that the option parser and then the graph parser give back unchanged.
    static func escaped(_ value: String) -> String {
        escaped(escaped(value, #"\':"#), #"\'[],;"#)
    }

    private static func escaped(_ value: String, _ special: String) -> String {
        value.reduce(into: "") { out, character in
            if special.contains(character) { out += "\\" }
            out.append(character)
        }
    }
}
