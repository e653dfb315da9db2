import Core

/// Rows as aligned columns for people.
enum Table {
    static func text(_ rows: [JSONObject]) -> String {
        let names = rows.first?.names ?? []
        let cells = [names.map { $0.uppercased() }] + rows.map { row in names.map { cell(row[$0]) } }
        let widths = names.indices.map { column in cells.map { width($0[column]) }.max() ?? 0 }
        return cells.map { row in
            let padded = zip(row, widths).map { text, width in
                text + String(repeating: " ", count: width - Self.width(text))
            }
            return padded.joined(separator: "  ").replacing(/\s+$/, with: "")
        }.joined(separator: "\n")
    }

    private static func cell(_ value: JSON?) -> String {
        switch value {
        case nil, .null: "-"
        case let value?: (value.stringValue ?? value.text).plain
        }
    }

    /// Columns on a terminal: Chinese, Japanese and Korean characters and emoji take two.
    private static func width(_ text: String) -> Int {
        text.reduce(0) { sum, character in
            let scalar = character.unicodeScalars.first?.value ?? 0
            let isWide = wideRanges.contains { $0.contains(scalar) }
            return sum + (isWide ? 2 : 1)
        }
    }

    /// East Asian wide and full-width blocks (Unicode UAX 11), and emoji.
    private static let wideRanges: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0x1F300...0x1FAFF, 0x20000...0x3FFFD,
    ]
}
