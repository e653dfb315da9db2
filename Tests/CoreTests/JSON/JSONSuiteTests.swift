import Core
import Testing

/// In the manner of JSONTestSuite: texts every reader must take (y), and texts every reader must refuse (n).
@Suite struct JSONSuiteTests {
    static let accepted: [String] = [
        // structure
        "[]", "{}", "[[]]", "[{}]", "[1,null]", "[1,\"a\",[],{},true,false,null]", "{\"a\":{\"b\":[1]}}",
        "[\n]", " [ ] ", "\t{\r\n\"a\" : 1 , \"b\" : 2 }\n", "{\"\":0}", "{\"a\":1,\"A\":2}",
        "{\"a\\u0041\":0}", "[[[[[[[[]]]]]]]]", "[ 1 , 2 ]", "\u{FEFF}[]",
        // single values
        "null", "true", "false", "0", "-1", "\"\"", "\"a\"", " 1 ", "4.5",
        // numbers
        "[0]", "[-0]", "[-0.0]", "[0.1]", "[1e5]", "[1E5]", "[1e+5]", "[1E-5]", "[0e1]", "[0e+1]",
        "[1.5e300]", "[1e-300]", "[123456789012345678901234567890]", "[-9223372036854775808]",
        "[9223372036854775807]",
        "[0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000001]",
        "[1e0000000005]",
        // strings
        #"["\""]"#, #"["\\"]"#, #"["\/"]"#, #"["\b\f\n\r\t"]"#, #"["\u0041"]"#, #"["\u00e9"]"#,
        #"["\u00E9"]"#, #"["\uD83D\uDE39"]"#, #"["\ud83d\ude39\u8d31"]"#, #"["\uDBFF\uDFFF"]"#,
        #"["\uFFFF"]"#, #"["\uFDD0"]"#, #"["\u0001"]"#, #"["\u2028\u2029"]"#, #"["\u001b"]"#, #"["\\u0000"]"#,
        #"["\"\\\/"]"#, "[\"/\"]", "[\"猫\"]", "[\"😹\"]", "[\"\u{7F}\"]", "[\"\u{2028}\"]", "[\"\u{10FFFF}\"]",
        "[\"\u{FEFF}\"]", "[\"e\u{301}\"]", "[\"a'b\"]", "[\"// no comment\"]",
    ]

    static let refused: [String] = [
        // structure
        "", " ", "[", "]", "{", "}", "[]]", "{}}", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]",
        "[1}", "{]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":1 \"b\":2}", "{a:1}", "{'a':1}",
        "{1:1}", "{null:1}", "{\"a\":1", "{\"a\"", "{\"a\":", "{\"a\"::1}", "{\"a\":1,,\"b\":2}", "{\"a\" 1}",
        "[:]", "[\"a\":1]", "{\"a\":\"b\"]", "[] []", "1 2", "nullx", "[1]x", "[]\u{0}", "// a\n[]",
        "/* a */[]", "[]#", "[1,\n/**/2]", "\u{FEFF}", "\u{FEFF}\u{FEFF}[]", "[]\u{FEFF}", "\u{A0}[]",
        "[\u{B}]", "[\u{C}]", "[\u{2060}]", "<null>",
        // words
        "nul", "tru", "fals", "True", "NULL", "[nulL]", "[truth]", "undefined", "NaN", "[Infinity]",
        "[-Infinity]", "[-NaN]", "[nan]",
        // numbers
        "-", "[-]", "[+1]", "[01]", "[-01]", "[00]", "[.5]", "[-.5]", "[5.]", "[-5.]", "[1.e1]", "[1e]",
        "[1e+]", "[1E-]", "[1eE2]", "[1e1.5]", "[0x10]", "[1_000]", "[1,000.5.5]", "[- 1]", "[1 000]",
        "[--1]", "[1-1]", "[\u{FF11}]", "[1a]", "[0.]", "[0.e1]", "[1.2.3]", "[1+2]", "[0e]", "[2.e+3]",
        // strings
        "\"", "\"a", "[\"a]", "[\"a\u{0}\"]", "[\"a\nb\"]", "[\"a\tb\"]", "[\"\u{1F}\"]", #"["\"]"#,
        #"["\a"]"#, #"["\x41"]"#, #"["\'"]"#, #"["\U0041"]"#, #"["\u"]"#, #"["\u00"]"#, #"["\u00G0"]"#,
        #"["\u 041"]"#, #"["\u+041"]"#, #"["\u-041"]"#, #"["\u００４１"]"#, #"["\0"]"#, #"["\"#, #"["\u004"#,
        "['a']", "[\u{201C}a\u{201D}]", #"["\u0000"]"#, #"{"\u0000":1}"#, #"["a" "b"]"#, #"[\u0041]"#,
        #"["\#u{1F600}" , "\q"]"#,
        // half a surrogate pair
        #"["\uD83D"]"#, #"["\uDE39"]"#, #"["\uD83Dx"]"#, #"["\uD83D\n"]"#, #"["\uD83D\u0041"]"#,
        #"["\uD83D\uD83D"]"#, #"["\uDE39\uD83D"]"#, #"["\uD83D\uDE3"]"#, #"["\uD83D\"]"#, #"["\uD83D"#,
        // two readers could disagree on these
        "{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"a\":3}", #"{"a":1,"\u0061":2}"#, "{\"\":1,\"\":2}",
        "[{\"a\":{\"b\":1,\"b\":2}}]",
    ]

    static let notUTF8: [[UInt8]] = [
        [0x80], [0xFF], [0xC3], [0xC3, 0x28], [0xC0, 0xAF], [0xC0, 0x80], [0xE0, 0x80, 0xAF], [0xE2, 0x82],
        [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0xAF], [0xF4, 0x90, 0x80, 0x80],
        [0xF8, 0x88, 0x80, 0x80, 0x80], [0xB3, 0xCC],
    ]

    @Test(arguments: accepted) func aValidTextIsTaken(_ text: String) throws {
        let value = try JSONParser.parse(text)
        #expect(try JSONParser.parse(value.serialized()) == value)
    }

    @Test(arguments: refused) func anInvalidTextIsRefused(_ text: String) {
        #expect { try JSONParser.parse(text) } throws: { ($0 as? KinoraError)?.code == .malformedRequest }
    }

    @Test(arguments: notUTF8) func bytesThatAreNotUTF8AreRefused(_ bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(throws: KinoraError.self) { try JSONParser.parse([quote] + bytes + [quote]) }
        #expect(throws: KinoraError.self) {
            try JSONParser.parse(Array(#"["\n"#.utf8) + bytes + [quote, 0x5D])
        }
        #expect(throws: KinoraError.self) { try JSONParser.parse(bytes) }
        #expect(throws: KinoraError.self) {
            try JSONParser.parse(Array(#"{""#.utf8) + bytes + Array("\":1}".utf8))
        }
    }

    @Test(
        arguments: [
            [0xFF, 0xFE, 0x5B, 0x00, 0x5D, 0x00], [0xFE, 0xFF, 0x00, 0x5B, 0x00, 0x5D],
            [0x5B, 0x00, 0x5D, 0x00],
        ] as [[UInt8]])
    func utf16IsRefused(_ bytes: [UInt8]) {
        #expect(throws: KinoraError.self) { try JSONParser.parse(bytes) }
    }
}
