import Core
import TestSupport
import Testing

@Suite struct JSONOutlineTests {
    private func wrapped(_ text: String) -> [UInt8] { Array("{\"a\":\(text)}".utf8) }

    /// A byte order mark belongs to the beginning of a text alone.
    @Test(arguments: JSONSuiteTests.accepted.filter { !$0.hasPrefix("\u{FEFF}") })
    func whatAReaderTakesHasAnOutline(_ text: String) throws {
        let outline = try JSONOutline(wrapped(text))
        let value = try JSONParser.parse(text)
        #expect(try outline.value("a") == value)
    }

    /// What is only passed on may hold what Kinora itself could not keep: NUL, half a surrogate pair, a name
    /// that stands twice further in.
    private static let passedOn = JSONSuiteTests.refused.filter { text in
        text.contains("\\u") || text.contains("\"a\":1,\"") || text.contains("\"\":1,")
            || text.contains("\"b\":1,\"b\"")
    }

    @Test(arguments: JSONSuiteTests.refused.filter { !passedOn.contains($0) })
    func whatHasNoFormIsRefused(_ text: String) {
        #expect { try JSONOutline(wrapped(text)) } throws: { ($0 as? KinoraError)?.code == .malformedRequest }
    }

    @Test(arguments: [#"["\u0000"]"#, #"["\uD83D"]"#, #"{"a":1,"a":1}"#, "[1e999]"])
    func whatIsOnlyPassedOnMayHoldMore(_ text: String) throws {
        #expect(try JSONOutline(wrapped(text))["a"] != nil)
    }

    @Test func membersAreTakenToTheirNumberAndWhatIsInsideIsNotCounted() throws {
        let most = Limits.jsonValuesMax
        func members(_ count: Int) -> [UInt8] {
            Array("{\((0..<count).map { "\"\($0)\":0" }.joined(separator: ","))}".utf8)
        }
        #expect(try JSONOutline(members(most)).has("0"))
        #expect(throws: KinoraError(.malformedRequest, "The JSON has more than \(most) values.")) {
            try JSONOutline(members(most + 1))
        }
        #expect(try JSONOutline(wrapped("[\(String(repeating: "0,", count: most))0]")).has("a"))
    }

    @Test func aLongNameIsNotSentBack() {
        let name = String(repeating: "n\u{301}", count: 10_000)
        let error = #expect(throws: KinoraError.self) {
            try JSONOutline(Array("{\"\(name)\":1,\"\(name)\":2}".utf8))
        }
        #expect(error?.message.hasSuffix("a member stands twice.") == true)
    }

    @Test func aMemberIsFoundWhereItStands() throws {
        let text = Array(#" { "model" : "gpt-4" , "m\u006fre":[1,{"model":2}],"x":null}"#.utf8)
        let outline = try JSONOutline(text)
        #expect(outline["model"].map { String(decoding: text[$0], as: UTF8.self) } == "\"gpt-4\"")
        #expect(try outline.value("more") == [1, ["model": 2]])
        #expect(outline.has("model") && !outline.has("x") && !outline.has("y"))
        #expect(outline["x"] != nil && outline["y"] == nil)
        #expect(text[outline.start - 1] == UInt8(ascii: "{"))
    }

    /// Kinora would check the one, and the upstream use the other.
    @Test(arguments: [#"{"model":1,"model":2}"#, #"{"model":1,"mod\u0065l":2}"#])
    func aNameThatStandsTwiceIsRefused(_ text: String) {
        #expect { try JSONOutline(Array(text.utf8)) } throws: {
            ($0 as? KinoraError)?.message.contains("stands twice") ?? false
        }
    }

    @Test(
        arguments: [
            ("{\"a\":1,}", "at byte 7: a member name is missing"),
            ("{\"a\" 1}", "at byte 5: a colon is missing"),
            ("{\"a\":tru}", "at byte 5: this is no value"), ("", "at byte 0: a value is missing"),
            ("{\"a\":[1,2}", "at byte 9: a comma or ] is missing"),
            ("{} x", "at byte 3: there is text after"),
        ])
    func theFaultIsNamedWithItsByte(_ text: String, _ message: String) {
        #expect { try JSONOutline(Array(text.utf8)) } throws: {
            ($0 as? KinoraError)?.message.contains(message) ?? false
        }
    }

    @Test(arguments: ["[]", "\"a\"", "1", "null"]) func onlyAnObjectHasMembers(_ text: String) {
        #expect { try JSONOutline(Array(text.utf8)) } throws: {
            ($0 as? KinoraError)?.message == "The body must be a JSON object."
        }
    }

    @Test func theNestingIsBounded() {
        func nested(_ depth: Int) -> [UInt8] {
            wrapped(String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
        }
        #expect(throws: Never.self) { try JSONOutline(nested(JSONOutline.depthMax - 1)) }
        #expect(throws: KinoraError.self) { try JSONOutline(nested(JSONOutline.depthMax)) }
        #expect(throws: KinoraError.self) { try JSONOutline(nested(1_000_000)) }
    }

    @Test func membersAreTakenOutAndPutInFront() throws {
        let outline = try JSONOutline(Array(#" {"a" : 1.50, "b":"\u732b" ,"c":[ 1 ] }"#.utf8))
        func text(_ added: [(name: String, value: [UInt8])], without removed: Set<String>) -> String {
            String(decoding: outline.text(adding: added, without: removed), as: UTF8.self)
        }
        #expect(text([], without: []) == #"{"a":1.50,"b":"\u732b","c":[ 1 ]}"#)
        #expect(text([("b", [0x37])], without: ["a", "b", "x"]) == #"{"b":7,"c":[ 1 ]}"#)
        #expect(text([], without: ["a", "b", "c"]) == "{}")
    }

    /// Whatever the strict reader takes, this one takes too, and finds the same.
    @Test func noTextIsReadInTwoWays() throws {
        let seed = Array(
            #"{"model":"gpt-4","messages":[{"role":"user","content":"\u732b \"q\""}],"n":1.5e3}"#.utf8)
        let tokens = ["{", "}", "[", "]", ",", ":", "\"", "\\", "\\u00e9", "null", "-1.5e3", " "].map {
            Array($0.utf8)
        }
        for round in 0..<Fuzz.rounds {
            var random = SplitMix64(seed: UInt64(round))
            var bytes = seed
            Fuzz.mutate(&bytes, tokens: tokens, &random)
            let outline = try? JSONOutline(bytes)
            guard case .object(let object)? = try? JSONParser.parse(bytes) else { continue }
            let found = try #require(outline, "round \(round)")
            for (name, value) in object.members {
                #expect(try found.value(name) == value, "round \(round)")
            }
        }
    }
}
