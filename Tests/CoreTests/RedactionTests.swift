import Core
import TestSupport
import Testing

@Suite struct RedactionTests {
    @Test(arguments: [
        ("Incorrect API key provided: sk-abc123.", "Incorrect API key provided: ***"),
        (#"{"key":"sk-proj-a_b","n":1}"#, #"{"key":"***","n":1}"#),
        ("refused kn_0123456789ab_Secret, sorry", "refused ***, sorry"),
        ("key=kn_0123456789ab_Secret", "key=***"), ("signed with whsec_MfKQ9r8GKYqrTwjU", "signed with ***"),
        ("Authorization: Bearer eyJhbGciOi.x.y end", "Authorization: Bearer *** end"),
        ("Proxy-Authorization: Basic bmFtZTpwYXNz", "Proxy-Authorization: Basic ***"),
        ("BEARER of BaSiC news", "BEARER *** BaSiC ***"), ("bearer  two blanks", "bearer  *** blanks"),
        ("it ends with Bearer", "it ends with Bearer"),
        (
            "proxy socks5h://name:pa%20ss@127.0.0.1:1080/ is away",
            "proxy socks5h://***@127.0.0.1:1080/ is away"
        ),
        ("https://a@b:c@host/x", "https://***@host/x"), ("https://host/a@b", "https://host/a@b"),
        ("see https://h/media/x.mp4?expires=1&signature=ab#c, now", "see https://h/media/x.mp4?***, now"),
        ("https://u:p@h/x?token=1", "https://***@h/x?***"), ("/media/x.mp4?signature=ab", "/media/x.mp4?***"),
        ("POST https://gate.example/callback/AbC-dEf 500", "POST https://gate.example/callback/*** 500"),
    ])
    func whatLooksLikeASecretIsBlottedOut(_ text: String, _ safe: String) {
        #expect(text.redacted == safe)
    }

    @Test(arguments: [
        "", " ", "task-1 is at risk-free desk-top", "akn_not_a_key", "why? because", "is it? a=b",
        "connection to server on socket \"/tmp/s/.s.PGSQL.5432\" failed: No such file or directory",
        "猫 \u{200D} 🎬 \"q\" {[()]}", "https://vendor.example/v1/videos",
    ])
    func whatLooksLikeNoneStays(_ text: String) {
        #expect(text.redacted == text)
    }

    /// A text in front that may hide something has all of it taken apart, word by word.
    @Test func whatIsNotTakenApartHasNothingToHide() {
        let parts = [
            "kn_", "sk-", "whsec_", "whsec", "Bearer", "basic", "BASIC", "://", "/callback/", "/callback",
            "?", "=",
            "@", ":", "/", " ", ",", "\"", "a", "_", "-", "Zz9", "猫",
        ]
        for seed in 0..<UInt64(Fuzz.rounds) {
            var random = SplitMix64(seed: seed)
            let text = (0...random.below(8)).map { _ in random.pick(parts) }.joined()
            #expect(("? " + text).redacted == "? " + text.redacted, "seed \(seed)")
        }
    }
}
