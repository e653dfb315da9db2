import Core
import Testing

@testable import Dialects

@Suite struct ReferenceTextTests {
    @Test(
        arguments: [
            ("", ""), ("QQ==", "A"), ("QQ", "A"), ("QUI=", "AB"), ("QUI", "AB"), ("QUJD", "ABC"),
            ("QUJDRA==", "ABCD"), ("QU\nJD\r\n", "ABC"), ("QUI=\n", "AB"), ("QQ=\r\n=", "A"), ("Pz8/", "???"),
            ("Pz8_", "???"), ("Pj4+", ">>>"), ("Pj4-", ">>>"),
        ])
    func base64IsRead(_ text: String, _ bytes: String) {
        #expect(Base64.decode(Array(text.utf8)) == Array(bytes.utf8))
    }

    @Test(arguments: [
        "Q", "QUJDR", "Q===", "QQ==QQ==", "QU JD", "QU.JD", "=", "====", "QQ=x", "QUJD=", "QUJD==", "QQ===",
        "猫",
        "QQ\u{0}", "QUI==",
    ])
    func whatIsNoBase64IsRefused(_ text: String) {
        #expect(Base64.decode(Array(text.utf8)) == nil)
    }

    @Test func everyByteComesBack() {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let bytes = (0..<3).flatMap { _ in UInt8.min...UInt8.max }
        let text = stride(from: 0, to: bytes.count, by: 3).flatMap { index in
            let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
            return [18, 12, 6, 0].map { alphabet[Int(group >> $0 & 63)] }
        }
        #expect(Base64.decode(text) == bytes)
    }

    @Test(
        arguments: [
            ("QUJD", "ABC"), ("data:image/png;base64,QUJD", "ABC"), ("data:;base64,QUJD", "ABC"),
            ("data:text/plain;charset=utf-8;base64,QUJD", "ABC"), ("data:image/png;base64,QQ", "A"),
            ("DATA:image/png;BASE64,QUJD", "ABC"),
            // A scheme ends with a colon.
            ("http", "\u{86}\u{DB}i"), ("data", "u\u{AB}Z"),
        ])
    func aDataURLHoldsBytesWhateverItsTypeSays(_ text: String, _ bytes: String) throws {
        guard case .bytes(let found) = try Reference.Source(text, field: "input_image") else {
            Issue.record("no bytes")
            return
        }
        #expect(found == bytes.unicodeScalars.map { UInt8($0.value) })
    }

    @Test(arguments: [
        "data:image/png,raw",
        "data:image/png;base64", "data:", "data:image/png;base64,", "data:image/png;base64,!", "", "=",
        "ftp://x/a",
        "file:///etc/passwd", "not base64", "https\u{301}://example.com/a", "javascript:https:",
        "data:image/png;base64\u{301},QUJD", "data:base64,QUJD",
    ])
    func anythingElseIsRefusedWithTheField(_ text: String) {
        let error = #expect(throws: KinoraError.self) { try Reference.Source(text, field: "input_image") }
        #expect(error?.code == .invalidValue)
        #expect(error?.field == "input_image")
    }

    @Test(arguments: ["http://example.com/a.png", "HTTPS://example.com/猫.png"])
    func anAddressOfTheWebIsOne(_ text: String) throws {
        guard case .url(let url) = try Reference.Source(text, field: "input_image") else {
            Issue.record("no address")
            return
        }
        #expect(url == text)
    }
}
