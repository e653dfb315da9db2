import Core
import TestSupport
import Testing

/// Tasks that may be put off, from the request to the bill.
extension GatewayTests {
    @Suite(.freshDatabase) struct OffPeak {
        private static func film(_ isOffPeak: Bool) -> JSON {
            ["prompt": "a harbour", "seconds": "4", "off_peak": .bool(isOffPeak)]
        }

        private func run(_ site: Site, _ arguments: String...) throws {
            let finished = try site.kinora(arguments)
            #expect(finished.status == 0, "\(finished.errors)")
        }

        private func submit(_ site: Site, isOffPeak: Bool) throws -> String {
            let reply = try site.fast.send("POST", "/v1/videos", json: Self.film(isOffPeak))
            return try #require(reply.json["id"]?.stringValue, "\(reply.status)")
        }

        @Test func aTaskWaitsForItsWindowAndCostsLess() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.1)
                try run(site, "quota", "topup", "default", "100")
                try run(site, "model", "price", "set", "sora-2", "--second", "1", "--off-peak-percent", "50")
                let window = try site.database.rows(
                    """
                    SELECT to_char(local + interval '2 hours', 'HH24:MI-') || to_char(local, 'HH24:MI')
                    FROM (SELECT now() AT TIME ZONE 'Asia/Shanghai' AS local) n
                    """)
                try run(site, "setting", "set", "off_peak_time_zone", "Asia/Shanghai")
                try run(site, "setting", "set", "off_peak_window", try #require(window[0][0]))
                _ = try site.start("all")
                func cost(_ isOffPeak: Bool) throws -> JSON? {
                    try site.fast.send("POST", "/v1/estimates", json: ["body": Self.film(isOffPeak)])
                        .json["cost_micros"]
                }
                #expect(try [cost(true), cost(false)] == [2_000_000, 4_000_000])

                func status(_ id: String) throws -> JSON? {
                    try site.fast.send("GET", "/v1/videos/\(id)").json["status"]
                }
                let (put, ordinary) = (
                    try submit(site, isOffPeak: true), try submit(site, isOffPeak: false)
                )
                try waitUntil("the ordinary one is made") { try status(ordinary) == "completed" }
                #expect(try status(put) == "queued")
                let shown = try site.kinora(["task", "show", put, "--json"]).json
                #expect(shown["waits"] == "window")
                let until = try #require(shown["waits_until"]?.stringValue)
                #expect(
                    shown["reason"] == .string("it is an off-peak task, and their window opens at \(until)"))

                // A change holds at once, for what waits as well.
                try run(site, "setting", "set", "off_peak_window", "")
                try waitUntil("the other one is made") { try status(put) == "completed" }
                let quota = try site.kinora(["quota", "show", "default", "--json"]).json.arrayValue?.first
                #expect(quota?["used"] == "6" && quota?["held"] == "0")
            }
        }
    }
}
