import Core
import Testing

@Suite struct MultipartParserTests {
    private func failure(_ contentType: String) -> KinoraError? {
        do throws(KinoraError) {
            _ = try MultipartParser(contentType: contentType)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        "multipart/form-data; boundary=x",
        "Multipart/Form-Data; BOUNDARY=x",
        "multipart/form-data;boundary=x",
        "multipart/form-data; charset=utf-8; boundary=x;",
        "multipart/form-data; boundary=\"a b:c?d\"",
        "multipart/form-data; boundary=----=_Part_12_34.56",
        "multipart/form-data; boundary='()+_,-./:=?",
        "multipart/form-data; boundary=" + String(repeating: "a", count: 70),
    ])
    func aBoundaryOfTheAllowedCharactersIsTaken(_ contentType: String) {
        #expect(failure(contentType) == nil)
    }

    @Test(arguments: [
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"ends in a blank \"",
        "multipart/form-data; boundary=\"{}\"",
        "multipart/form-data; boundary=\"a\\\"b\"",
        "multipart/form-data; boundary=猫",
        "multipart/form-data; boundary=a\u{0}b",
        "multipart/form-data; boundary=\"a\r\nb\"",
        "multipart/form-data; boundary=" + String(repeating: "a", count: 71),
    ])
    func anyOtherBoundaryIsRefused(_ contentType: String) {
        #expect(failure(contentType)?.code == .malformedRequest)
        #expect(failure(contentType)?.message.contains("1 to 70") == true)
    }

    @Test(arguments: [
        "multipart/form-data; boundary=\"open", "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary=a; boundary=b", "multipart/form-data; boundary",
        "multipart/form-data; =a", "multipart/form-data; boundary = a", "multipart/form-data;; boundary=a",
    ])
    func aMalformedContentTypeIsRefused(_ contentType: String) {
        #expect(failure(contentType)?.code == .malformedRequest)
        #expect(failure(contentType)?.message == "The Content-Type header is malformed.")
    }

    @Test func aMissingBoundaryIsNamed() {
        #expect(failure("multipart/form-data")?.code == .malformedRequest)
        #expect(failure("multipart/form-data")?.message == "The multipart Content-Type has no boundary.")
    }

    @Test(arguments: [
        "", "application/json", "multipart/mixed; boundary=x", "multipart/form-datas; boundary=x",
    ])
    func anotherContentTypeIsUnsupported(_ contentType: String) {
        #expect(failure(contentType)?.code == .unsupportedMediaType)
    }

    @Test func whatTheReceiverThrowsEndsTheFeeding() throws {
        let body = Array("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nlong\r\n--x--".utf8)
        var parser = try MultipartParser(contentType: "multipart/form-data; boundary=x")
        var events = 0
        #expect(throws: KinoraError(.bodyTooLarge)) {
            try body.withUnsafeBufferPointer { (bytes) throws(KinoraError) in
                try parser.feed(UnsafeRawBufferPointer(bytes)) { (event) throws(KinoraError) in
                    events += 1
                    if case .bytes = event { throw KinoraError(.bodyTooLarge) }
                }
            }
        }
        #expect(events == 2)
    }

    @Test func contentPassesInOneStretchPerChunk() throws {
        // A receiver writes each stretch to disk: carriage returns in a picture must not make thousands of
        // them.
        let content = [UInt8](repeating: 0x0D, count: 500) + Array("\r\n--".utf8) + [1, 2, 3]
        let head = Array("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n".utf8)
        var parser = try MultipartParser(contentType: "multipart/form-data; boundary=x")
        var stretches: [Int] = []
        try (head + content).withUnsafeBufferPointer { (bytes) throws(KinoraError) in
            try parser.feed(UnsafeRawBufferPointer(bytes)) { (event) throws(KinoraError) in
                if case .bytes(let stretch) = event { stretches.append(stretch.count) }
            }
        }
        #expect(stretches == [content.count])
    }

    @Test func anEmptyChunkChangesNothing() throws {
        var parser = try MultipartParser(contentType: "multipart/form-data; boundary=x")
        try parser.feed(UnsafeRawBufferPointer(start: nil, count: 0)) { (_) throws(KinoraError) in }
        #expect(throws: KinoraError.self) { try parser.finish() }
    }

    @Test func theLimitsAreInclusive() {
        let name = String(repeating: "n", count: 256)
        let part = "--x\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\r\n"
        let body = Array((String(repeating: part, count: 64) + "--x--").utf8)
        let form = ParsedForm(body, contentType: "multipart/form-data; boundary=x")
        #expect(form.error == nil)
        #expect(form.parts.count == 64)
        let headerBytes = part.utf8.count - "--x\r\n".utf8.count - "\r\n".utf8.count
        var limits = MultipartLimits(headerBytesMax: headerBytes)
        #expect(ParsedForm(body, contentType: "multipart/form-data; boundary=x", limits: limits).error == nil)
        limits.headerBytesMax -= 1
        #expect(ParsedForm(body, contentType: "multipart/form-data; boundary=x", limits: limits).error != nil)
    }
}
