import Core
import Testing

@Suite struct JSONParserTests {
    private func refusal(_ text: String) -> String? {
        do throws(KinoraError) {
            _ = try JSONParser.parse(text)
            return nil
        } catch {
            return error.message
        }
    }

    @Test(
        arguments: [
            ("4.0", 4), ("1e1", 10), ("-2.50e1", -25), ("0.0", 0), ("4.5", nil), ("1e300", nil),
            ("9007199254740993.0", nil), ("\"4\"", nil),
        ] as [(String, Int64?)])
    func aFractionOfZeroIsWhole(_ text: String, _ value: Int64?) throws {
        #expect(try JSONParser.parse(text).integerValue == value)
    }

    @Test func integersStayIntegers() throws {
        #expect(try JSONParser.parse("0") == .integer(0))
        #expect(try JSONParser.parse("-1") == .integer(-1))
        #expect(try JSONParser.parse("9223372036854775807") == .integer(.max))
        #expect(try JSONParser.parse("-9223372036854775808") == .integer(.min))
        #expect(try JSONParser.parse("9007199254740993") == .integer(9_007_199_254_740_993))
    }

    @Test(arguments: [
        "9223372036854775808", "-9223372036854775809", "1.0", "1e2", "-0", "-0.0", "0.10", "1E+2",
        "123456789012345678901234567890.123456789012345678901234567890",
    ])
    func everyOtherNumberKeepsItsDigits(_ text: String) throws {
        #expect(try JSONParser.parse(text) == .decimal(text))
        #expect(try JSONParser.parse(text).text == text)
        #expect(try JSONParser.parse(text).doubleValue == Double(text))
    }

    @Test(arguments: [
        "1e309", "-1e309", "1e-309", "1e99999", "1e131073", "[1E+400]", "1e99999999999999999999", "0e999",
    ])
    func anExponentThatWouldUnfoldIntoThousandsOfDigitsIsRefused(_ text: String) {
        #expect(refusal(text)?.contains("exponent is too large") == true)
    }

    @Test func aNumberIsTakenToItsLengthAndNoFurther() {
        let digits = String(repeating: "7", count: JSONParser.numberBytesMax)
        #expect(refusal(digits) == nil)
        #expect(refusal(digits + "7")?.contains("number is too long") == true)
        #expect(refusal("0." + digits)?.contains("number is too long") == true)
    }

    @Test func aNumberBeyondDoubleHasNoDoubleValue() throws {
        // Int(Double.infinity) traps, so no caller may ever get it.
        #expect(try JSONParser.parse("99e308").doubleValue == nil)
        #expect(try JSONParser.parse("-" + String(repeating: "9", count: 400)).doubleValue == nil)
        #expect(try JSONParser.parse("1e308").doubleValue == 1e308)
        #expect(JSON.string("1").doubleValue == nil)
    }

    @Test(arguments: [2, 7, 8, 9, 10, 20])
    func aMemberNamedTwiceIsRefusedWhereverItStands(_ count: Int) throws {
        let members = (0..<count).map { "\"m\($0)\":\($0)" }
        #expect(refusal("{\(members.joined(separator: ","))}") == nil)
        for first in 0..<count {
            let text = "{\((members + ["\"m\(first)\":0"]).joined(separator: ","))}"
            #expect(refusal(text)?.contains("\"m\(first)\" stands twice") == true)
        }
    }

    @Test func namesThatLookAlikeCountAsTheSame() {
        // Swift compares strings by canonical equivalence, so a look-up could not tell these two apart.
        #expect(refusal("{\"\u{E9}\":1,\"e\u{301}\":2}")?.contains("stands twice") == true)
    }

    @Test func aLongNameIsNotSentBack() {
        let name = String(repeating: "n", count: 100_000)
        #expect((refusal("{\"\(name)\":1,\"\(name)\":2}") ?? name).utf8.count < 200)
    }

    @Test func membersKeepTheirOrder() throws {
        let text = #"{"z":1,"a":{"c":[],"b":null},"m":"x"}"#
        #expect(try JSONParser.parse(text).text == text)
        #expect(try JSONParser.parse(text).objectValue?.names == ["z", "a", "m"])
    }

    @Test func nestingIsTakenToItsLimitAndNoFurther() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            func nested(_ depth: Int) -> String {
                String(repeating: open, count: depth - 1) + (open == "[" ? "[]" : "{}")
                    + String(repeating: close, count: depth - 1)
            }
            #expect(refusal(nested(JSONParser.depthMax - 1)) == nil)
            #expect(refusal(nested(JSONParser.depthMax)) == nil)
            #expect(refusal(nested(JSONParser.depthMax + 1))?.contains("nesting is too deep") == true)
            #expect(refusal(String(repeating: open, count: 100_000))?.contains("nesting is too deep") == true)
        }
    }

    @Test func valuesAreTakenToTheirNumberAndNoFurther() {
        let most = Limits.jsonValuesMax
        let tooMany = "The JSON has more than \(most) values."
        func zeros(_ count: Int) -> String { String(repeating: "0,", count: count - 1) + "0" }
        #expect(refusal("[\(zeros(most - 1))]") == nil)
        #expect(refusal("[\(zeros(most))]") == tooMany)
        // Those inside of others count, and nothing after them is read.
        let pairs = String(repeating: "[0],", count: most / 2)
        #expect(refusal("{\"a\":[\(pairs) no JSON") == tooMany)
        #expect(throws: KinoraError(.malformedRequest, "The JSON has more than 2 values.")) {
            try JSONParser.parse(Array("[1,2]".utf8), valuesMax: 2)
        }
    }

    @Test func oneByteOrderMarkIsSkipped() throws {
        #expect(try JSONParser.parse("\u{FEFF}{\"a\":1}") == ["a": 1])
        #expect(refusal("\u{FEFF}\u{FEFF}1") != nil)
    }

    @Test func aFaultNamesItsOffset() {
        #expect(refusal("[1, x]") == "The JSON is malformed at byte 4: this is no value.")
        #expect(refusal("{\"a\" 1}") == "The JSON is malformed at byte 5: a colon is missing.")
        #expect(refusal("[1] 2") == "The JSON is malformed at byte 4: there is text after the value.")
    }

    @Test func escapesAreUndone() throws {
        let value = try JSONParser.parse(#""\"\\\/\b\f\n\r\t\u0041\u732b\uD83D\uDE39x""#)
        #expect(value == .string("\"\\/\u{8}\u{C}\n\r\tA猫😹x"))
    }
}

@Suite struct JSONWriteTests {
    @Test func stringsAreEscapedWhereTheyMustBe() {
        #expect(JSON.string("a\"b\\c/猫😹").text == #""a\"b\\c/猫😹""#)
        #expect(
            JSON.string("\n\r\t\u{8}\u{C}\u{1B}\u{0}\u{1F}\u{7F}").text
                == "\"\\n\\r\\t\\u0008\\u000c\\u001b\\u0000\\u001f\u{7F}\"")
    }

    @Test func valuesAreWrittenCompactly() {
        let value: JSON = ["a": [1, true, "x", [], [:]], "b": .null, "c": .decimal("1.50")]
        #expect(value.text == #"{"a":[1,true,"x",[],{}],"b":null,"c":1.50}"#)
        #expect(JSON.integer(.min).text == "-9223372036854775808")
    }

    @Test func everyScalarSurvivesTheRoundTrip() throws {
        for start in stride(from: UInt32(1), to: 0x11_0000, by: 0x400) {
            let scalars = (start..<min(start + 0x400, 0x11_0000)).compactMap(Unicode.Scalar.init)
            let text = String(String.UnicodeScalarView(scalars))
            let back = try JSONParser.parse(JSON.string(text).serialized())
            #expect(
                back.stringValue?.utf8.elementsEqual(text.utf8) == true, "from U+\(String(start, radix: 16))")
        }
    }

    @Test func membersAreSetReplacedAndRemovedByName() {
        var object: JSONObject = ["a": 1, "b": 2]
        object["c"] = 3
        object["a"] = "one"
        object["b"] = nil
        object["d"] = nil
        #expect(JSON.object(object).text == #"{"a":"one","c":3}"#)
        #expect(JSON.object(object)["a"] == "one")
        #expect(JSON.array([])["a"] == nil)
    }
}
