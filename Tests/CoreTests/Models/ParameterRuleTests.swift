import Testing

@testable import Core

@Suite struct ParameterRuleTests {
    private let rules = [
        ParameterRule(name: "resolution", kind: .string, defaultValue: "720P", allowed: ["720P", "1080P"]),
        ParameterRule(name: "seconds", kind: .integer, allowed: [5, 10]),
    ]

    private func checked(_ name: String, _ value: JSON) throws -> JSON? {
        try rules.checked([GivenParameter(name: name, value: value)])[name]
    }

    @Test(arguments: ["720P", "720p", "1080p"])
    func aWordOfTheListMayBeSpelledInCapitalsOrNot(_ text: String) throws {
        #expect(try checked("resolution", .string(text)) == .string(text.uppercased()))
    }

    @Test(arguments: ["720", "720P ", "４K", "", "720i"])
    func anotherWordIsRefused(_ text: String) {
        #expect(throws: KinoraError.self) { try checked("resolution", .string(text)) }
    }

    @Test func aTextIsMeasuredAsUnicodeNumbersItsCharacters() throws {
        let rule = ParameterRule(name: "style", kind: .string, lengthMax: 4)
        #expect(try rule.checked("猫e\u{301}x", field: "style") == "猫e\u{301}x")
        let error = #expect(throws: KinoraError.self) {
            try rule.checked("e\u{301}\u{301}\u{301}\u{301}", field: "style_id")
        }
        #expect(error?.message == "'style_id' must have at most 4 characters." && error?.field == "style_id")
    }

    @Test func aNumberIsNoText() throws {
        #expect(try checked("seconds", 5) == 5)
        #expect(throws: KinoraError.self) { try checked("seconds", 6) }
        #expect(throws: KinoraError.self) { try checked("seconds", "5") }
        #expect(throws: KinoraError.self) { try checked("resolution", 720) }
    }
}
