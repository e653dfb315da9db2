import Core
import Foundation
import TestSupport
import Testing

/// Commands about prices, quota and the ledger; nothing of the site runs.
extension GatewayTests {
    @Suite(.freshDatabase) struct MoneyCommands {
        @Test func quotaIsGivenTakenBackAndShown() throws {
            try withSite { site in
                func quota(_ arguments: String...) throws -> Finished {
                    try site.kinora(["quota"] + arguments)
                }
                #expect(try site.kinora(["user", "create", "麻衣"]).status == 0)
                #expect(
                    try quota("topup", "麻衣", "12.5", "--note", "Rechnung 7 ✓").text
                        == "麻衣 has 12.5 available\n")
                #expect(try quota("withdraw", "麻衣", "0.000001").text == "麻衣 has 12.499999 available\n")
                let shown = try quota("show", "麻衣", "--json").json.arrayValue
                #expect(
                    shown == [
                        [
                            "user": "麻衣", "total": "12.499999", "used": "0", "held": "0",
                            "available": "12.499999",
                        ]
                    ])
                #expect(try quota("show", "--json").json.arrayValue?.count == 2)
                let ledger = try quota("ledger", "麻衣", "--json").json.arrayValue ?? []
                #expect(ledger.compactMap { $0["kind"]?.stringValue } == ["withdrawal", "topup"])
                #expect(ledger.last?["note"] == "Rechnung 7 ✓" && ledger.last?["amount"] == "12.5")
                #expect(try quota("ledger", "default").text == "(none)\n")
            }
        }

        @Test func aReferenceCountsOnce() throws {
            try withSite { site in
                let topUp = ["quota", "topup", "default", "5", "--reference", "invoice 17"]
                #expect(try site.kinora(topUp).status == 0)
                expectFailure(
                    try site.kinora(topUp), "There is already a topup 'invoice 17': nothing was moved.")
                #expect(try site.database.number("SELECT available_micros FROM wallet") == 5_000_000)
            }
        }

        @Test func whatIsNoAmountOrNobodysIsRefused() throws {
            try withSite { site in
                for amount in ["abc", "1.0000001", "1e3", ""] {
                    let finished = try site.kinora(["quota", "topup", "default", amount])
                    #expect(
                        finished.status == 64 && finished.errors.contains("<amount>"), "\(finished.errors)")
                }
                for amount in ["0", "1000000000.1"] {
                    expectWrongUsage(
                        try site.kinora(["quota", "topup", "default", amount]),
                        "The amount must be from 0.000001 to 1000000000.")
                }
                let unknown = "There is no user 'nobody'. See `kinora user list`."
                expectFailure(try site.kinora(["quota", "topup", "nobody", "1"]), unknown)
                expectFailure(try site.kinora(["quota", "show", "nobody"]), unknown)
                expectFailure(try site.kinora(["quota", "ledger", "nobody"]), unknown)
                expectFailure(
                    try site.kinora(["quota", "withdraw", "default", "1"]),
                    "'default' has less than 1 available: nothing was moved.")
                #expect(try site.database.number("SELECT count(*) FROM ledger") == 0)
            }
        }

        @Test func pricesAreSetListedAndRemoved() throws {
            try withSite { site in
                func price(_ arguments: String...) throws -> Finished {
                    try site.kinora(["model", "price"] + arguments)
                }
                let all = try price(
                    "set", "sora-2", "--second", "0.1", "--task", "1", "--off-peak-percent", "50")
                #expect(all.text == "set 3 price(s) of sora-2\n")
                #expect(
                    try price(
                        "set", "sora-2", "--category", "t2v", "--resolution", "1280x720", "--second", "0.25"
                    ).text == "set 1 price(s) of sora-2\n")
                let listed = try price("list", "sora-2", "--json").json.arrayValue ?? []
                #expect(listed.count == 4)
                #expect(
                    listed.first { $0["resolution"] == "1280x720" } == [
                        "model": "sora-2", "category": "t2v", "resolution": "1280x720", "task": "0",
                        "second": "0.25", "image": "0", "off_peak_percent": 100, "input": "0",
                        "output": "0",
                    ])
                #expect(try price("list", "sora-2-pro").text == "(none)\n")
                #expect(try price("remove", "sora-2").text == "removed 3 price(s) of sora-2\n")
                expectFailure(
                    try price("remove", "sora-2"), "There is no such price. See `kinora model price list`.")
                expectFailure(
                    try price("set", "sora-9", "--task", "1"),
                    "There is no such model or category. See `kinora model list`.")
                expectFailure(
                    try price("set", "sora-2", "--category", "t2i", "--task", "1"),
                    "There is no such model or category. See `kinora model list`.")
                expectWrongUsage(
                    try price("set", "sora-2", "--category", "t3v"),
                    "--category must be one of t2i, i2i, t2v, i2v, ref2v, v2v, t2t, t2e.")
                expectWrongUsage(
                    try price("set", "sora-2", "--resolution", "big size"),
                    "--resolution must be like 1280x720 or 1080p.")
                expectWrongUsage(
                    try price("set", "sora-2", "--task", "1000000.1"), "Prices must be at most 1000000 units."
                )
                expectWrongUsage(
                    try price("set", "sora-2", "--off-peak-percent", "101"),
                    "--off-peak-percent must be from 0 to 100.")
            }
        }

        @Test func aPriceThatNoTaskWouldHaveIsRefused() throws {
            try withSite { site in
                func set(_ arguments: String...) throws -> Finished {
                    try site.kinora(["model", "price", "set"] + arguments)
                }
                for (arguments, words) in [
                    (
                        ["viduq3-pro", "--resolution", "1080P", "--second", "1"],
                        "No task of 'viduq3-pro' has the resolution '1080P'. Known: 540p, 720p, 1080p."
                    ),
                    (
                        ["sora-2", "--resolution", "9:16", "--second", "1"],
                        "No task of 'sora-2' has the resolution '9:16'. Known: 720x1280, 1280x720."
                    ),
                    (
                        ["gpt-4", "--resolution", "1080p", "--input", "1"],
                        "No task of 'gpt-4' has a size or resolution."
                    ),
                    (
                        ["gpt-4", "--second", "3"],
                        "--second never counts for 'gpt-4'. Known: --task, --input, --output."
                    ),
                    (
                        ["sora-2", "--image", "3"],
                        "--image never counts for 'sora-2'. Known: --task, --second."
                    ),
                    (
                        ["gpt-image-2", "--second", "3"],
                        "--second never counts for 'gpt-image-2'. Known: --task, --image."
                    ),
                ] {
                    expectFailure(try site.kinora(["model", "price", "set"] + arguments), words)
                }
                #expect(try site.database.number("SELECT count(*) FROM price") == 0)
                #expect(try set("viduq3-pro", "--resolution", "1080p", "--second", "1").status == 0)
                #expect(try set("gpt-4", "--task", "0.1", "--input", "1", "--output", "2").status == 0)
                // A size that the model takes, though its list does not have it.
                #expect(try set("gpt-image-2", "--resolution", "1040x1040", "--image", "1").status == 0)
            }
        }

        @Test func aCapMayBeAsLargeAsATransferAndNoLarger() throws {
            try withSite { site in
                let created = try site.kinora(["key", "create", "--user", "mai", "--quota", "5000", "--json"])
                #expect(created.status == 0, "\(created.errors)")
                let id = try #require(created.json["id"]?.stringValue)
                #expect(
                    try site.kinora(["key", "list", "--json"]).json.arrayValue?.last?["quota"] == "5000")
                for arguments in [["create", "--user", "ken"], ["limit", id]] {
                    expectWrongUsage(
                        try site.kinora(["key"] + arguments + ["--quota", "9223372036854"]),
                        "--quota must be at most 1000000000.")
                }
                #expect(try site.database.number("SELECT count(*) FROM app_user") == 2)
            }
        }

        @Test func aKeyIsMadeWithACapAndGetsAnother() throws {
            try withSite { site in
                func key() throws -> JSON? {
                    try site.kinora(["key", "list", "--json"]).json.arrayValue?.last
                }
                let id = try #require(
                    try site.kinora(["key", "create", "--json", "--quota", "2.5"]).json["id"]?.stringValue)
                #expect(try key()?["quota"] == "2.5" && key()?["spent"] == "0")
                #expect(try site.kinora(["key", "limit", id, "--quota", "7"]).status == 0)
                #expect(try key()?["quota"] == "7")
                #expect(try site.kinora(["key", "limit", id, "--concurrent-tasks", "1"]).status == 0)
                #expect(try key()?["quota"] == "7")
                #expect(try site.kinora(["key", "limit", id, "--quota", "0"]).status == 0)
                #expect(try key()?["quota"] == .null)
            }
        }

        @Test func codesAreMadeRedeemedListedAndVoided() throws {
            try withSite { site in
                func code(_ arguments: String...) throws -> Finished { try site.kinora(["code"] + arguments) }
                let made = try code(
                    "create", "--amount", "2.5", "--count", "3", "--note", "春", "--expires-in-days", "9",
                    "--json")
                let codes = made.json["codes"]?.arrayValue?.compactMap(\.stringValue) ?? []
                #expect(made.json["batch"] == 1 && Set(codes).count == 3)
                let plain = try code("create", "--amount", "1")
                #expect(plain.text.wholeMatch(of: /REDEEM-....-....\n/) != nil)
                #expect(
                    plain.errors
                        == "Shown once. Void what is left of them with: kinora code void --batch 2\n")

                // By a client, in whose process the master key is the same.
                _ = try site.start("serve")
                func redeem(_ text: String) throws -> (status: Int, body: JSON) {
                    let call = Call.post("/v1/redemptions", json: ["code": .string(text)]).key(site.key)
                    let answer = try site.fast.connect().answer(to: call.fastCGI)
                    return (answer.status, try JSONParser.parse(answer.body))
                }
                let first = try redeem(codes[0].lowercased())
                #expect(first.status == 200 && first.body["added_micros"] == 2_500_000)
                #expect(first.body["quota"]?["available_micros"] == 2_500_000)
                #expect(try redeem(codes[0]).status == 409)
                #expect(try code("void", codes[1]).text == "voided\n")
                #expect(try redeem(codes[1]).status == 410)
                #expect(try redeem("REDEEM-2222-2222").status == 404)

                let states = try code("list", "--batch", "1", "--json").json.arrayValue ?? []
                #expect(states.compactMap { $0["state"]?.stringValue } == ["redeemed", "void", "open"])
                let batches = try code("list", "--json").json.arrayValue ?? []
                #expect(batches.first?["note"] == "春" && batches.first?["redeemed"] == 1)
                #expect(try code("void", "--batch", "1").text == "voided 1 code(s) of batch 1\n")
                let gone = "There is no such code, or it was redeemed or voided before."
                expectFailure(try code("void", codes[0]), gone)
                expectFailure(try code("void", "no code"), gone)
                let unknown = "There is no batch 9. See `kinora code list`."
                expectFailure(try code("void", "--batch", "9"), unknown)
                expectFailure(try code("list", "--batch", "9"), unknown)
                expectWrongUsage(try code("void"), "Give a code or --batch.")
                expectWrongUsage(
                    try code("create", "--amount", "1", "--count", "10001"),
                    "--count must be from 1 to 10000.")
                #expect(try site.kinora(["check", "--ledger"]).status == 0)
            }
        }

        @Test func usageIsShownByWhatIsAskedFor() throws {
            try withSite { site in
                try site.database.rows(
                    """
                    INSERT INTO usage_day VALUES
                        ('2026-01-31', 1, 1, 'sora-2', 1, '麻衣', 3, 2, 1, 1500000, 8, 0),
                        ('2026-02-01', 1, NULL, 'sora-2', NULL, '', 1, 0, 1, 0, 0, 0)
                    """)
                func usage(_ arguments: String...) throws -> Finished {
                    try site.kinora(["usage"] + arguments)
                }
                let days = try usage("--json").json.arrayValue ?? []
                #expect(
                    days.first == [
                        "day": "2026-01-31", "accepted": 3, "succeeded": 2, "failed": 1,
                        "cost": "1.5", "video_seconds": 8, "images": 0, "input_tokens": 0,
                        "output_tokens": 0,
                    ])
                #expect(days.count == 2)
                #expect(try usage("--until", "2026-01-31", "--json").json.arrayValue?.count == 1)
                #expect(try usage("--since", "2026-02-02").text == "(none)\n")
                let names = try usage("--by", "user-identifier", "--json").json.arrayValue ?? []
                #expect(names.map { $0["user_identifier"] ?? "" } == ["麻衣", .null])
                #expect(try usage("--by", "account", "--user", "nobody").text == "(none)\n")
                expectWrongUsage(
                    try usage("--by", "week"),
                    "--by must be one of day, user, key, model, account, user-identifier.")
                for day in ["2026-02-29", "2026-13-01", "0000-01-01", "26-01-01", "today", "2026-1-1"] {
                    expectWrongUsage(
                        try usage("--since", day), "--since must be a day such as 2026-01-31.")
                }
                #expect(try usage("--since", "2024-02-29", "--until", "2024-02-29").status == 0)
            }
        }

        @Test func theCheckOfTheLedgerEndsWithOneAndNamesEveryFault() throws {
            try withSite { site in
                #expect(try site.kinora(["quota", "topup", "default", "1"]).status == 0)
                let sound = try site.kinora(["check", "--ledger"])
                #expect(sound.status == 0 && sound.text == "The ledger is sound.\n")
                #expect(try site.kinora(["check", "--ledger", "--json"]).json == ["faults": []])
                try site.database.rows("UPDATE wallet SET used_micros = 3")
                let broken = try site.kinora(["check", "--ledger"])
                #expect(broken.status == 1)
                #expect(broken.errors == "kinora: The ledger has 2 fault(s).\n")
                #expect(
                    broken.text.contains(
                        "available, held, used are 1000000, 0, 3; the ledger says 1000000, 0, 0"))
                let faults = try site.kinora(["check", "--ledger", "--json"]).json["faults"]?.arrayValue
                #expect(faults?.compactMap { $0["subject"]?.stringValue } == ["books", "wallet"])
            }
        }
    }
}
