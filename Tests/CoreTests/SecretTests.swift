import Core
import Testing

@Suite struct SecretTests {
    private let words = "sk-hunter2"

    private struct Holder {
        let secret: Secret
        let maybe: Secret?
        let list: [Secret]
        let table: [String: Secret]
    }

    @Test func aSecretIsNeverPrinted() {
        let secret = Secret(words)
        let holder = Holder(secret: secret, maybe: secret, list: [secret], table: ["key": secret])
        let head = RequestHead(method: .get, target: "/", authorization: secret, apiKeyHeader: secret)
        var dumped = ""
        dump(secret, to: &dumped)
        dump(holder, to: &dumped)
        dump(head, to: &dumped)
        let texts = [
            "\(secret)", "\(holder)", "\(head)", "\(Optional(secret) as Any)", String(describing: secret),
            String(reflecting: secret), String(reflecting: holder), String(reflecting: head),
            secret.description,
            secret.debugDescription, dumped,
            String(describing: Mirror(reflecting: secret).children.map(\.value)),
        ]
        for text in texts { #expect(!text.contains("hunter2")) }
        #expect("\(secret)" == "***")
    }

    @Test func aMirrorSeesNothing() {
        #expect(Mirror(reflecting: Secret(words)).children.isEmpty)
        #expect(Mirror(reflecting: Secret(words)).superclassMirror == nil)
    }

    @Test func itIsBlottedOutOfAText() {
        #expect(Secret(words).blotted(outOf: "no \(words), nor \(words)!") == "no ***, nor ***!")
        let pair = Secret("access-key-id:secret-key")
        let text = "access-key-id:secret-key, access-key-id and secret-key are wrong"
        #expect(pair.blotted(outOf: text) == "***, *** and *** are wrong")
        // A short half is a word.
        #expect(Secret("user:0123456789").blotted(outOf: "user 0123456789") == "user ***")
        #expect(Secret("").blotted(outOf: "nothing") == "nothing")
    }

    @Test func theTextIsRevealedOnPurposeOnly() {
        #expect(Secret(words).revealed() == words)
        #expect(Secret(words) == Secret(words))
        #expect(Secret(words) != Secret(""))
        #expect(Secret("").isEmpty && !Secret(words).isEmpty)
    }
}
