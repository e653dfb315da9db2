import Core
import TestSupport
import Testing

@Suite struct Base64Tests {
    @Test func whatWasEncodedIsDecoded() {
        for length in 0..<40 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ length) }
            #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes)
        }
        #expect(Base64.encode(Array("Man".utf8)) == "TWFu")
        #expect(Base64.encode(Array("Ma".utf8)) == "TWE=")
        #expect(Base64.encode(Array("M".utf8)) == "TQ==")
    }

    @Test func piecesOfAnyLengthGiveTheSame() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let text = Array(Base64.encode(bytes).utf8)
        for step in [1, 2, 3, 4, 5, 7, 64, 333] {
            var decoder = Base64.Decoder()
            var out: [UInt8] = []
            for start in stride(from: 0, to: text.count, by: step) {
                #expect(decoder.feed(text[start..<min(start + step, text.count)], into: &out))
            }
            #expect(decoder.isWhole && out == bytes, "\(step)")
        }
    }

    @Test func piecesOfThreeBytesAreEncodedOneByOne() {
        let bytes = (0..<100).map { UInt8($0) }
        let pieces = stride(from: 0, to: bytes.count, by: 9).flatMap { start in
            Array(bytes[start..<min(start + 9, bytes.count)]).withUnsafeBytes(Base64.encodedBytes)
        }
        #expect(String(decoding: pieces, as: UTF8.self) == Base64.encode(bytes))
    }

    @Test(arguments: ["TWE", "TWF=", "T", "TWFu=", "TW=u", "TWF*", "="])
    func paddingMustFitAndLettersMustBeKnown(_ text: String) {
        // Padding may be missing altogether.
        #expect((Base64.decode(text.utf8) == nil) == (text != "TWE" && text != "TWF="), "\(text)")
    }
}
