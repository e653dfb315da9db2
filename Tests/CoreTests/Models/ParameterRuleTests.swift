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

/// Models that know sizes, asked for a ratio.
@Suite struct RatioOfSizesTests {
    private static func rules(
        _ kind: String, _ sizes: [JSON], _ usual: JSON, more: JSON...
    ) -> [ParameterRule] {
        let size: JSON = ["name": "size", "type": .string(kind), "default": usual, "allowed": .array(sizes)]
        return ([size] + more).compactMap { ParameterRule($0) }
    }

    private static let sora = rules(
        "string", ["720x1280", "1280x720", "1024x1792", "1792x1024"], "1280x720")
    private static let wan = rules(
        "size",
        [
            "832x480", "480x832", "624x624", "1280x720", "720x1280", "960x960", "1920x1080", "1080x1920",
            "1440x1440",
        ], "1920x1080")
    private static let runway = rules(
        "size", ["1280x720", "720x1280", "1104x832", "960x960", "832x1104", "1584x672"], "1280x720")
    private static let openAI = rules("size", ["auto", "1024x1024", "1536x1024", "1024x1536"], "auto")
    private static let narrow = rules("string", ["832x480", "480x832"], "832x480")

    private func size(
        _ rules: [ParameterRule], _ ratio: JSON, _ others: GivenParameter...
    ) throws -> String? {
        let ratio = GivenParameter(name: "ratio", field: "aspect_ratio", value: ratio)
        return try rules.checked([ratio] + others)["size"]?.stringValue
    }

    @Test(
        arguments: [
            (sora, "16:9", "1280x720"), (sora, "9:16", "720x1280"), (sora, "7:4", "1792x1024"),
            (wan, "16:9", "1920x1080"), (wan, "9:16", "1080x1920"), (wan, "1:1", "1440x1440"),
            (runway, "4:3", "1104x832"), (runway, "21:9", "1584x672"), (runway, "1:1", "960x960"),
            (openAI, "3:2", "1536x1024"), (narrow, "9:16", "480x832"),
        ] as [([ParameterRule], String, String)])
    func aRatioChoosesTheSizeThatHasItAtTheUsualResolution(
        _ rules: [ParameterRule], _ ratio: String, _ expected: String
    ) throws {
        #expect(try size(rules, .string(ratio)) == expected)
    }

    @Test(
        arguments: [
            (sora, "1:1", "9:16, 16:9"), (sora, "99:1", nil), (sora, "wide", nil),
            (sora, "1280x720", nil), (sora, "0:9", nil), (sora, 16, nil),
            (runway, "9:21", "16:9, 9:16, 4:3, 1:1, 3:4, 21:9"),
            (openAI, "99:1", "1:1, 3:2, 2:3"), (narrow, "4:3", "16:9, 9:16"),
        ] as [([ParameterRule], JSON, String?)])
    func aRatioThatNoSizeHasIsRefusedAndNamesWhatThereIs(
        _ rules: [ParameterRule], _ ratio: JSON, _ words: String?
    ) {
        let error = #expect(throws: KinoraError.self) { try size(rules, ratio) }
        #expect(error?.code == .invalidValue && error?.field == "aspect_ratio")
        if let words { #expect(error?.message == "'aspect_ratio' must be one of: \(words).") }
        let given = GivenParameter(name: "size", value: "1280x720")
        #expect(throws: KinoraError.self, "a size does not excuse it") { try size(rules, ratio, given) }
    }

    @Test func aSizeWinsOverItsRatio() throws {
        #expect(try size(Self.sora, "9:16", GivenParameter(name: "size", value: "1792x1024")) == "1792x1024")
        #expect(try size(Self.sora, .null) == "1280x720")
    }

    @Test func whereRatiosHaveARuleTheyAreLeftToIt() throws {
        let both = Self.rules(
            "string", ["1280x720"], "1280x720", more: ["name": "ratio", "type": "string", "allowed": ["1:1"]])
        #expect(try both.checked([GivenParameter(name: "ratio", value: "1:1")])["size"] == "1280x720")
        let neither = [ParameterRule(name: "seconds", kind: .integer)]
        #expect(try neither.checked([GivenParameter(name: "ratio", value: "99:1")]).isEmpty)
        #expect(both.ratiosOfSizes.isEmpty && neither.ratiosOfSizes.isEmpty)
    }
}
