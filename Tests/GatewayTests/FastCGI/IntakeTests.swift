import Core
import FastCGI
import Testing

/// What a body may be before anything is made of it.
@Suite struct IntakeTests {
    /// A body that is there already.
    private final class Arrived: Incoming {
        let head: RequestHead
        let isClientGone = false
        private var rest: ArraySlice<UInt8>

        init(_ type: String, _ body: [UInt8], announces: Bool) {
            var head = RequestHead(method: .post, target: "/v1/videos")
            head.contentType = type
            if announces { head.contentLengthBytes = body.count }
            self.head = head
            rest = body[...]
        }

        func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
            let piece = rest.prefix(buffer.count)
            buffer.copyBytes(from: piece)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
    }

    private func body(_ type: String, _ bytes: [UInt8], announces: Bool = true) throws -> RequestBody {
        try Intake(spoolDirectory: "/nowhere").body(
            of: Arrived(type, bytes, announces: announces), into: Spool(directory: "/nowhere"))
    }

    private let urlencoded = "application/x-www-form-urlencoded; charset=utf-8"

    @Test(arguments: [true, false])
    func anUrlencodedBodyIsTakenToItsLengthAndNoFurther(_ announces: Bool) throws {
        let most = Array("prompt=".utf8) + [UInt8](repeating: 0x61, count: Limits.urlencodedBodyBytesMax - 7)
        guard case .form(let form) = try body(urlencoded, most, announces: announces) else {
            Issue.record("no form")
            return
        }
        #expect(form["prompt"]?.utf8.count == Limits.urlencodedBodyBytesMax - 7)
        #expect(throws: KinoraError(.bodyTooLarge, "The request body is larger than 1 MiB.")) {
            try body(urlencoded, most + [0x61], announces: announces)
        }
    }

    @Test func anUrlencodedBodyHasSoManyPairs() {
        let pairs = Array(String(repeating: "a&", count: Limits.queryPairsMax + 1).utf8)
        #expect(throws: KinoraError(.malformedRequest, "A query or a form has at most 1000 pairs.")) {
            try body(urlencoded, pairs)
        }
    }

    @Test(arguments: [true, false]) func jSONHasRoomForPictures(_ announces: Bool) throws {
        let blanks = [UInt8](repeating: 0x20, count: Limits.jsonBodyBytesMax - 2)
        guard case .json([:]) = try body("application/json", blanks + [0x7B, 0x7D], announces: announces)
        else {
            Issue.record("no JSON")
            return
        }
        #expect(throws: KinoraError(.bodyTooLarge, "The request body is larger than 20 MiB.")) {
            try body("application/json", blanks + [0x20, 0x7B, 0x7D], announces: announces)
        }
    }
}
