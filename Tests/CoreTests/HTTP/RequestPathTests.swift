import Core
import TestSupport
import Testing

@Suite struct RequestPathTests {
    private func isRefused(_ target: String) -> Bool {
        do throws(KinoraError) {
            _ = try RequestPath(target: target)
            return false
        } catch {
            return error.code == .malformedRequest
        }
    }

    @Test(
        arguments: [
            ("/", []), ("/v1/videos", ["v1", "videos"]), ("/v1/videos/", ["v1", "videos"]),
            ("//v1///videos", ["v1", "videos"]), ("/v1/videos?a=/b", ["v1", "videos"]),
            ("/v1#/videos", ["v1"]), ("/%76%31", ["v1"]), ("/a%20b", ["a b"]), ("/a+b", ["a+b"]),
            ("/%E7%8C%AB", ["猫"]), ("/猫", ["猫"]), ("/a%3Fb", ["a?b"]), ("/a%23b", ["a#b"]), ("/...", ["..."]),
            ("/a%25b", ["a%b"]), ("/.a", [".a"]), ("/models/a:b@c", ["models", "a:b@c"]),
            ("/a;b=c", ["a;b=c"]), ("/?", []),
        ] as [(String, [String])])
    func aPathIsSplitIntoDecodedSegments(_ target: String, _ segments: [String]) throws {
        #expect(try RequestPath(target: target).segments == segments)
    }

    @Test(arguments: [
        "", "v1", "*", "http://host/v1", "?a=b", "#", "/.", "/..", "/a/./b", "/a/../b", "/%2e%2e/b", "/.%2E",
        "/a%2Fb", "/a%5Cb", "/a\\b", "/a%00b", "/a\u{0}b", "/a%0Ab", "/a\r\nb", "/a\u{7F}", "/%", "/%4",
        "/%zz", "/%+1", "/a%C3", "/%FF", "/%C0%AF", "/%ED%A0%80",
    ])
    func aPathThatTwoReadersCouldReadDifferentlyIsRefused(_ target: String) {
        #expect(isRefused(target))
    }

    @Test func aBrokenQueryIsRefused() {
        #expect(isRefused("/a?b=%"))
        #expect(isRefused("/a?b=%00"))
        #expect(isRefused("/a?%FF=b"))
        #expect(!isRefused("/a?b=%E7%8C%AB"))
    }

    @Test func theQueryEndsWhereTheFragmentBegins() throws {
        #expect(try RequestPath(target: "/a?b=c#d=e").query.pairs.count == 1)
        #expect(try RequestPath(target: "/a?b=c?d").query["b"] == "c?d")
    }

    @Test func aRandomTargetIsSplitOrRefused() throws {
        let valid = Array("/v1/videos/%E7%8C%AB/a?limit=10&after=a%20b".utf8)
        let tokens = ["/", "..", "%", "%2F", "%2e", "%00", "?", "&", "=", "#", "\u{0}", "猫", "+", "%C3"].map {
            Array($0.utf8)
        }
        for seed in 0..<UInt64(Fuzz.rounds) {
            var random = SplitMix64(seed: seed)
            var bytes = valid
            Fuzz.mutate(&bytes, tokens: tokens, &random)
            guard let path = try? RequestPath(target: String(decoding: bytes, as: UTF8.self)) else {
                continue
            }
            #expect(
                !path.segments.contains { ["", ".", ".."].contains($0) || $0.contains("/") }, "seed \(seed)")
            let again = "/" + path.segments.map(PercentCoding.encode).joined(separator: "/")
            try #require((try? RequestPath(target: again).segments) == path.segments, "seed \(seed)")
        }
    }
}

@Suite struct QueryTests {
    private func pairs(_ text: String) throws -> [[String]] {
        try Query(text[...]).pairs.map { [$0.name, $0.value] }
    }

    @Test func pairsKeepTheirOrder() throws {
        #expect(try pairs("b=1&a=2&b=3") == [["b", "1"], ["a", "2"], ["b", "3"]])
        #expect(try Query("b=1&a=2&b=3")["b"] == "3")
        #expect(try Query("b=1")["c"] == nil)
    }

    @Test func emptyPiecesNamesAndValuesAreTolerated() throws {
        #expect(try pairs("") == [])
        #expect(try pairs("&&") == [])
        #expect(try pairs("a") == [["a", ""]])
        #expect(try pairs("a=") == [["a", ""]])
        #expect(try pairs("=a") == [["", "a"]])
        #expect(try pairs("a=b=c") == [["a", "b=c"]])
    }

    @Test func pairsAreTakenToTheirNumberAndNoFurther() throws {
        let most = Limits.queryPairsMax
        func repeated(_ count: Int) -> String { String(repeating: "a&", count: count) }
        #expect(try pairs(repeated(most)).count == most)
        #expect(try pairs(String(repeating: "&", count: 10 * most)) == [])
        for text in [repeated(most) + "a", repeated(2 * most)] {
            #expect(throws: KinoraError(.malformedRequest, "A query or a form has at most \(most) pairs.")) {
                try pairs(text)
            }
        }
    }

    @Test func aPlusIsABlank() throws {
        #expect(try pairs("a+b=c+d%2B") == [["a b", "c d+"]])
    }

    @Test func queriesAreEqualByTheirPairs() throws {
        #expect(try Query("a=%62") == Query("a=b"))
        #expect(try Query("a=b&c=d") != Query("c=d&a=b"))
    }

    @Test(arguments: ["a=%", "a=%4", "a=%zz", "a=%00", "%FF", "a=%C3%28"])
    func aBrokenEscapeIsRefused(_ text: String) {
        #expect(throws: KinoraError(.malformedRequest, "The query string is malformed.")) {
            try Query(text[...])
        }
    }
}

@Suite struct PercentCodingTests {
    @Test func onlyUnreservedCharactersStandBare() {
        #expect(PercentCoding.encode("AZaz09-._~") == "AZaz09-._~")
        #expect(PercentCoding.encode("a b/c?d&e=f%猫\u{1}") == "a%20b%2Fc%3Fd%26e%3Df%25%E7%8C%AB%01")
    }

    @Test func decodingUndoesEncoding() {
        let text = String(String.UnicodeScalarView((1..<0x3000).compactMap(Unicode.Scalar.init)))
        #expect(PercentCoding.decode(PercentCoding.encode(text)[...]) == text)
        #expect(PercentCoding.decode(PercentCoding.encode(text)[...], plusIsBlank: true) == text)
    }

    @Test func hexDigitsOfEitherCaseAreRead() {
        #expect(PercentCoding.decode("%e7%8C%aB") == "猫")
        #expect(PercentCoding.decode("+") == "+")
        #expect(PercentCoding.decode("+", plusIsBlank: true) == " ")
    }

    @Test(arguments: ["%", "%a", "a%2", "%g0", "%0g", "%%41", "% 1", "%-1", "%00", "\u{0}", "%ff", "%80"])
    func brokenEscapesNULAndBrokenUTF8AreNil(_ text: String) {
        #expect(PercentCoding.decode(text[...]) == nil)
    }
}
