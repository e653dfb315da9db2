import Testing

/// The reader of Swift sources is a tool of these tests: it has to see what it judges.
@Suite struct SwiftCodeTests {
    @Test func textsAndCommentsAreBlottedOutAndLinesStay() {
        let code = SwiftCode(
            #"""
            let a = "print({" // print(
            /* { */ let b = """
                BRACE {
                \(value { "}" })
                """
            let c = #"\("# + "\\" + "\("\(x)")"
            """#)
        #expect(code.lines.count == 6)
        #expect(code.lines[0].split(separator: " ") == ["let", "a", "=", "\"", "\""])
        #expect(!code.lines.joined().contains("BRACE"))
        #expect(code.lines[3].filter { "{}".contains($0) } == "{}")
        #expect(code.lines[3].contains("value"))
        #expect(code.lines[5].contains("x"))
        #expect(!code.lines[5].contains("\\"))
    }

    @Test func aBodyIsMeasuredFromItsDeclarationToItsBrace() {
        let code = SwiftCode(
            """
            protocol P { func required() -> Int
                var stored: Int { get } }
            struct S {
                var stored = 1
                var computed: Int { 2 }
                public static func long(
                    _ a: [Int]
                ) throws -> Int
                {
                    if true { "}" }
                    return 1
                }
                init?() { nil }
                func none() -> Int { [1].map { $0 }[0] }
            }
            """)
        let found = code.bodies.map { "\($0.name) \($0.lineCount)" }
        #expect(
            found == ["var stored 1", "var computed 1", "func long 7", "init? 1", "func none 1"], "\(found)")
    }
}
