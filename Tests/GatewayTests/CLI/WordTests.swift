import Core
import TestSupport
import Testing

/// Words that clients and operators choose.
extension GatewayTests {
    @Suite(.freshDatabase) struct Words {
        /// Of 7 scalars and one Character.
        private static let family = "👨‍👩‍👧‍👦"

        @Test func namesAreCountedAsTheDatabaseCountsThem() throws {
            try withSite { site in
                let add = ["account", "add", "--vendor", "openai", "--base-url", "https://vendor.example/v1"]
                let cases: [(command: [String], what: String, most: Int)] = [
                    (["user", "create"], "The name", 128), (["key", "create", "--user"], "--user", 128),
                    (add + ["--name"], "--name", 128),
                    (["setup", "--admin"], "--admin", 128),
                    (["quota", "topup", "default", "1", "--reference"], "--reference", 128),
                    (["route", "add", "sora-2", "openai"], "The vendor's name of the model", 200),
                ]
                for (command, what, most) in cases {
                    expectWrongUsage(
                        try site.kinora(command + [String(repeating: Self.family, count: 100)]),
                        "\(what) must have 1 to \(most) characters.")
                    for word in ["two\nlines", "two\r\nlines", "e\u{1B}[31m", "line\u{2028}line"] {
                        expectWrongUsage(
                            try site.kinora(command + [word]),
                            "\(what) must have no line breaks or other control characters.")
                    }
                }
                expectWrongUsage(
                    try site.kinora(["key", "create", "--name", String(repeating: Self.family, count: 19)]),
                    "--name must have at most 128 characters.")
                let fits = String(repeating: Self.family, count: 18)
                #expect(try site.kinora(["key", "create", "--user", fits, "--name", fits]).status == 0)
            }
        }

        @Test func aTimeBeforeAllTimesIsRefused() throws {
            try withSite { site in
                for verb in ["events", "requests"] {
                    expectWrongUsage(
                        try site.kinora([verb, "--since", "99999999d"]), "--since must be at most 36500d.")
                    #expect(try site.kinora([verb, "--since", "36500d"]).text == "(none)\n")
                }
            }
        }

        @Test func whatClientsSayCannotSteerATerminal() throws {
            try withSite { site in
                _ = try site.start("serve")
                let words = "a\r\nb\u{1B}]0;title\u{7}\u{9B}31m\u{7F}\u{202E}c 猫"
                let reply = try site.fast.send(
                    "POST", "/v1/videos",
                    json: ["prompt": .string(words), "seconds": "4", "user_identifier": "me\u{9B}31m"])
                let id = try #require(reply.json["id"]?.stringValue, "\(reply.text)")
                for arguments in [
                    ["task", "list"], ["task", "show", id], ["usage", "--by", "user-identifier"],
                ] {
                    let text = try site.kinora(arguments).text
                    let steering = text.unicodeScalars.filter {
                        $0 != "\n" && ($0.properties.generalCategory == .control || $0 == "\u{202E}")
                    }
                    #expect(steering.isEmpty, "\(arguments): \(text.debugDescription)")
                }
                let rows = try site.kinora(["task", "list"]).text.split(separator: "\n")
                #expect(
                    rows.count == 2
                        && rows.last?.hasSuffix("a  b\u{FFFD}]0;title\u{FFFD}\u{FFFD}31m\u{FFFD}\u{FFFD}c 猫")
                            == true
                )
                #expect(
                    try site.kinora(["task", "show", id]).text.contains("user_identifier: me\u{FFFD}31m\n"))
            }
        }
    }
}
