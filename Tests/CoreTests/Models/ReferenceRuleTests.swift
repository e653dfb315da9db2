import Core
import Testing

@Suite struct ReferenceRuleTests {
    private func rule(_ media: String, _ types: JSON?) -> ReferenceRule? {
        var row: JSONObject = ["name": "x", "type": "media", "media": .string(media), "maximum": 1]
        row["types"] = types
        return ReferenceRule(.object(row))
    }

    @Test(
        arguments: [
            ("image", nil, "a PNG, JPEG or WebP image"), ("audio", nil, "WAV or MP3 audio"),
            ("video", nil, "an MP4, QuickTime or WebM video"),
            ("image", ["image/jpeg", "image/png"], "a PNG or JPEG image"),
            ("image", ["image/webp"], "a WebP image"),
            ("video", ["video/quicktime"], "a QuickTime video"), ("audio", ["audio/mpeg"], "MP3 audio"),
        ] as [(String, JSON?, String)])
    func aRowMayNameTheTypes(_ media: String, _ types: JSON?, _ names: String) throws {
        #expect(try #require(rule(media, types)).typeNames == names)
    }

    @Test(arguments: [[], ["image/gif"], ["audio/wav"], ["image/png", 7], "image/png", .null] as [JSON])
    func typesThatNoModelTakesAreNoRule(_ types: JSON) {
        #expect(rule("image", types) == nil)
    }
}
