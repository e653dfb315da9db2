import Testing

@testable import Core

@Suite struct PictureSizesTests {
    private func rule(_ text: String) throws -> [ParameterRule] {
        let json = try JSONParser.parse(Array(text.utf8))
        return [try #require(ParameterRule(json))]
    }

    private static let listed = """
        {"name": "size", "type": "size", "default": "1024x1024",
            "allowed": ["1024x1024", "1792x1024", "1024x1792"]}
        """
    private static let free = """
        {"name": "size", "type": "size", "default": "auto", "multiple": 16, "longest": 3840,
            "allowed": ["auto", "1024x1024", "1536x864", "1536x1024", "1024x1280"]}
        """
    private static let levels = """
        {"name": "size", "type": "size", "level": "2k", "levels": {
            "1k": ["1024x1024", "1024x768", "768x1024", "1024x576", "576x1024", "1024x682", "682x1024",
                "1195x512"],
            "2k": ["2048x2048", "2304x1728", "1728x2304", "2560x1440", "1440x2560", "2496x1664",
                "1664x2496", "3024x1296"],
            "4k": ["4096x4096", "4608x3456", "3456x4608", "5120x2880", "2880x5120", "4992x3328",
                "3328x4992", "6048x2592"]}}
        """

    private func size(_ text: String, _ rules: String) throws -> String? {
        let given = [GivenParameter(name: "size", value: .string(text))]
        return try rule(rules).checked(given)["size"]?.stringValue
    }

    @Test(
        arguments: [
            (listed, "1792x1024", "1792x1024"), (listed, "16:9", "1792x1024"), (listed, "9:16", "1024x1792"),
            (listed, "1:1", "1024x1024"), (listed, "5:4", "1024x1024"), (listed, "100:1", "1792x1024"),
            (free, "auto", "auto"), (free, "16:9", "1536x864"), (free, "4:5", "1024x1280"),
            (free, "3840x2160", "3840x2160"), (free, "16x16", "16x16"), (free, "1200x400", "1200x400"),
        ])
    func aSizeOrARatioIsMadeASizeOfTheModel(_ rules: String, _ asked: String, _ given: String) throws {
        #expect(try size(asked, rules) == given)
    }

    @Test(
        arguments: [
            (listed, "1024x1025"), (listed, "1024X1024"), (listed, "auto"), (listed, "0:1"), (listed, "16:"),
            (listed, ":9"), (listed, "16:9:1"), (listed, "-16:9"), (listed, "+16:9"), (listed, " 16:9"),
            (listed, "１６:９"), (listed, "1.5:1"), (listed, "99999:1"), (listed, ""), (listed, "large"),
            (free, "1000x1000"), (free, "3856x2160"), (free, "1616x400"), (free, "0x16"),
            (free, "99999999999999999999x16"), (levels, "auto"), (levels, "1024"), (levels, "0x0"),
            (levels, "1024*1024"),
        ])
    func whatIsNoneIsRefused(_ rules: String, _ asked: String) throws {
        let error = #expect(throws: KinoraError.self) { try size(asked, rules) }
        #expect(error?.code == .invalidValue && error?.field == "size")
    }

    @Test func withoutASizeTheDefaultHolds() throws {
        #expect(try rule(Self.listed).checked([]) == ["size": "1024x1024"])
        #expect(
            try rule(Self.levels).checked([]) == ["size": "2048x2048", "ratio": "1:1", "resolution": "2k"])
    }

    private func chosen(_ given: [(String, String)]) throws -> [String] {
        let parameters = try rule(Self.levels).checked(
            given.map { GivenParameter(name: $0.0, value: .string($0.1)) })
        return ["size", "ratio", "resolution"].compactMap { parameters[$0]?.stringValue }
    }

    @Test(
        arguments: [
            ([("size", "1024x1024")], "1024x1024 1:1 1k"), ([("size", "1280x720")], "1024x576 16:9 1k"),
            ([("size", "1281x720")], "2560x1440 16:9 2k"), ([("size", "3072x1")], "3024x1296 21:9 2k"),
            ([("size", "3073x3073")], "4096x4096 1:1 4k"), ([("size", "1x99999")], "2880x5120 9:16 4k"),
            ([("size", "21:9")], "3024x1296 21:9 2k"), ([("size", "1000x700")], "1024x682 3:2 1k"),
            ([("ratio", "3:2")], "2496x1664 3:2 2k"), ([("resolution", "4K")], "4096x4096 1:1 4k"),
            ([("size", "1024x1024"), ("ratio", "9:16")], "576x1024 9:16 1k"),
            ([("size", "1024x1024"), ("resolution", "4k")], "4096x4096 1:1 4k"),
            ([("quality", "high")], "4096x4096 1:1 4k"),
            ([("quality", "low"), ("size", "3:4")], "768x1024 3:4 1k"),
            ([("quality", "low"), ("resolution", "2k")], "2048x2048 1:1 2k"),
            ([("size", "1024x768")], "1024x768 4:3 1k"),
        ] as [([(String, String)], String)])
    func aModelWithLevelsTakesTheNearest(_ given: [(String, String)], _ expected: String) throws {
        #expect(try chosen(given).joined(separator: " ") == expected)
    }

    @Test(
        arguments: [("quality", "best"), ("resolution", "8k"), ("ratio", "wide"), ("ratio", "1x1")])
    func aWordThatNamesNoLevelIsRefused(_ name: String, _ word: String) throws {
        let error = #expect(throws: KinoraError.self) { try chosen([(name, word)]) }
        #expect(error?.code == .invalidValue && error?.field == name)
    }

    @Test func aSizeOfAnotherTypeIsRefused() throws {
        for rules in [Self.listed, Self.levels] {
            let given = [GivenParameter(name: "size", value: 1024)]
            let error = #expect(throws: KinoraError.self) { try rule(rules).checked(given) }
            #expect(error?.message == "'size' must be a string, not an integer.")
        }
    }

    @Test(
        arguments: [
            #"{"name": "size", "type": "size"}"#,
            #"{"name": "size", "type": "size", "allowed": ["auto"]}"#,
            #"{"name": "size", "type": "size", "allowed": ["1x1"], "multiple": 0}"#,
            #"{"name": "size", "type": "size", "level": "2k", "levels": {"1k": ["1x1"]}}"#,
            #"{"name": "size", "type": "size", "level": "1k", "levels": {"1k": []}}"#,
        ])
    func aRuleThatMakesNoSenseIsNone(_ text: String) throws {
        #expect(ParameterRule(try JSONParser.parse(Array(text.utf8))) == nil)
    }
}
