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

    @Test func aNumberIsNoText() throws {
        #expect(try checked("seconds", 5) == 5)
        #expect(throws: KinoraError.self) { try checked("seconds", 6) }
        #expect(throws: KinoraError.self) { try checked("seconds", "5") }
        #expect(throws: KinoraError.self) { try checked("resolution", 720) }
    }
}
