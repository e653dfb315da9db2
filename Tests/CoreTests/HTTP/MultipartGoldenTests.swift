import Core
import TestSupport
import Testing

/// Tests/Golden/multipart. The input is one `key: value` line each for the content type and for limits that
/// differ from the defaults, a blank line, and the body. A line end of the file is layout and no byte of
/// the body: every line end of the body is written `\r\n` (`\r \n \t \0 \\ \xHH`, as VisibleBytes reads
/// them).
@Suite struct MultipartGoldenTests {
    private struct Input {
        var contentType = ""
        var limits = MultipartLimits()
        var body: [UInt8] = []

        struct UnknownSetting: Error { let line: Substring }

        init(_ text: String) throws {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let settings = lines.prefix { !$0.isEmpty }
            for line in settings {
                let colon = line.firstIndex(of: ":") ?? line.endIndex
                let value = String(line[colon...].dropFirst(2))
                switch (line[..<colon], Int(value)) {
                case ("content-type", _): contentType = value
                case ("parts-max", let number?): limits.partsMax = number
                case ("header-bytes-max", let number?): limits.headerBytesMax = number
                case ("name-bytes-max", let number?): limits.nameBytesMax = number
                default: throw UnknownSetting(line: line)
                }
            }
            body = try VisibleBytes.read(lines.dropFirst(settings.count + 1).joined())
        }

        func parsed(chunkBytes: () -> Int) -> ParsedForm {
            ParsedForm(body, contentType: contentType, limits: limits, chunkBytes: chunkBytes)
        }
    }

    private func show(_ form: ParsedForm) -> String {
        func quoted(_ text: String) -> String { "\"\(VisibleBytes.show(Array(text.utf8)))\"" }
        var lines: [String] = []
        for part in form.parts {
            lines.append("part \(quoted(part.head.name))")
            if let filename = part.head.filename { lines.append("  filename \(quoted(filename))") }
            if let contentType = part.head.contentType { lines.append("  type \(quoted(contentType))") }
            lines.append(
                "  \(part.isEnded ? "content" : "unfinished") \"\(VisibleBytes.show(part.content))\"")
        }
        lines.append(form.error.map(\.description) ?? "complete")
        return lines.joined(separator: "\n")
    }

    @Test(arguments: try Golden.cases(in: "multipart"))
    func aBodyGivesItsEventsHoweverItIsCut(_ golden: GoldenCase) throws {
        let input = try Input(golden.input)
        let whole = input.parsed { .max }
        #expect(whole.misplaced == 0)
        let mismatch = try golden.mismatch(with: show(whole))
        #expect(mismatch == nil, "\(mismatch.map(\.description) ?? "")")

        #expect(input.parsed { 1 } == whole, "fed byte by byte")
        for seed in UInt64(0)..<50 {
            var random = SplitMix64(seed: seed)
            let cut = input.parsed { random.chance(50) ? 1 + random.below(4) : 1 + random.below(90) }
            try #require(cut == whole, "fed in the chunks of seed \(seed)")
        }
    }
}
