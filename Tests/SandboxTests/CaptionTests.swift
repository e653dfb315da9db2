import Testing

@testable import Sandbox

@Suite struct CaptionTests {
    @Test func wordsStayWhole() {
        let lines = Caption.lines(
            "the quick brown fox jumps over the lazy dog", widthMax: 130, lineCountMax: 9)
        #expect(lines.joined(separator: " ") == "the quick brown fox jumps over the lazy dog")
        #expect(lines.count > 2)
    }

    @Test func chineseBreaksAnywhere() {
        let lines = Caption.lines("清晨的码头上渔船慢慢离开", widthMax: 100, lineCountMax: 9)
        #expect(lines == ["清晨的码头", "上渔船慢慢", "离开"])
    }

    @Test func aWordLongerThanTheLineIsCut() {
        let lines = Caption.lines(String(repeating: "a", count: 50), widthMax: 120, lineCountMax: 9)
        #expect(lines.map(\.count) == [10, 10, 10, 10, 10])
    }

    @Test func whatDoesNotFitEndsInAnEllipsis() {
        let lines = Caption.lines(String(repeating: "word ", count: 9000), widthMax: 100, lineCountMax: 3)
        #expect(lines.count == 3 && lines[2].hasSuffix("…"))
    }

    @Test func controlCharactersAreBlanks() {
        #expect(
            Caption.lines("a\u{7}b\u{202E}c\r\nd\te", widthMax: 999, lineCountMax: 9) == ["a b c", "d e"])
    }

    @Test func nothingGivesNoLines() {
        #expect(Caption.lines(" \n \n", widthMax: 100, lineCountMax: 3).isEmpty)
    }

    @Test func filterTextIsEscapedForBothParsers() {
        #expect(FilterText.escaped("/plain/path.txt") == "/plain/path.txt")
        #expect(FilterText.escaped("a:b") == #"a\\:b"#)
        #expect(FilterText.escaped("a,b") == #"a\,b"#)
        #expect(FilterText.escaped("a'b") == #"a\\\'b"#)
    }
}
