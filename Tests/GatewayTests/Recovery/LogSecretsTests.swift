import Core
import Foundation
import TestSupport
import Testing

extension GatewayTests {
    /// A peer, vendor and receiver in one, that tells back everything it was sent: none of it may be found in
    /// a log.
    @Suite(.freshDatabase) struct LogSecrets {
        private static let vendorKey = "v3nd0r-key-without-a-known-prefix"
        private static let proxyPassword = "pr0xy-passw0rd"
        private static let hookToken = "h00k-t0ken"

        private func withTelltale(_ body: (Site, Receiver) throws -> Void) throws {
            let receiver = try Receiver()
            defer { receiver.stop() }
            receiver.answers { message in
                let told = message.headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
                let words = "telltale \(message.path) \(told.joined(separator: " "))"
                let json = JSON.object(["error": ["message": .string(words)]]).text
                return Receiver.reply(429, json, headers: "Content-Type: application/json\r\n")
            }
            try withSite(["KINORA_EGRESS_ALLOW": receiver.place]) { site in try body(site, receiver) }
        }

        private func addAccount(_ site: Site, _ receiver: Receiver, _ name: String, _ more: [String]) throws {
            let account = ["account", "add", "--vendor", "openai", "--name", name, "--slots", "4"]
            let added = try site.kinora(
                account + ["--base-url", "http://\(receiver.place)/v1"] + more,
                input: Array(Self.vendorKey.utf8))
            #expect(added.status == 0, "\(added.errors)")
        }

        @Test func areInNoLog() throws {
            try withTelltale { site, receiver in
                try site.database.rows("UPDATE account SET state = 'disabled'")
                try addAccount(site, receiver, "direct", [])
                try addAccount(
                    site, receiver, "behind a proxy",
                    ["--proxy", "http://name:\(Self.proxyPassword)@\(receiver.place)"])
                let hook = "\(receiver.url)?token=\(Self.hookToken)"
                let webhook = try site.kinora(
                    ["webhook", "add", "--user", "default", "--url", hook, "--json"])
                let secret = try #require(webhook.json["secret"]?.stringValue)
                try #require(try site.kinora(["setting", "set", "request_log", "3"]).status == 0)
                let all = try site.start("all")
                func send(_ method: String, _ path: String, _ json: JSON? = nil, key: String) throws {
                    let headers = [("Authorization", "Bearer \(key)")]
                    let request =
                        json.map { FastCGIRequest(method, path, headers: headers, json: $0) }
                        ?? FastCGIRequest(method, path, headers: headers)
                    _ = try FastCGIClient(socketPath: site.fastSocket).send(request)
                }
                let signature = String(repeating: "5e", count: 32)
                try send("GET", "/v1/models?api_key=\(site.key)", key: "kn_unknown_s3cret")
                try send("GET", "/media/0a.mp4?expires=1&signature=\(signature)", key: site.key)
                try send("POST", "/callback/c4llback-t0ken", [:], key: site.key)
                try send("POST", "/v1/videos", ["model": .string(site.key), "prompt": "x"], key: site.key)
                for _ in 0..<4 {
                    try send("POST", "/v1/videos", ["prompt": "pr0mpt", "seconds": "4"], key: site.key)
                }
                for name in ["task requeued", "account cooling"] { try all.line(containing: name) }
                // At some moment one of them is in the queue.
                try waitUntil("a webhook failed") {
                    try site.database.rows("UPDATE task SET deadline_at = now() WHERE state = 'queued'")
                    return all.lines.contains { $0.contains("webhook failed") }
                }
                all.signal(SIGTERM)
                #expect(all.end() != nil)

                let rows = try site.database.rows(
                    """
                    SELECT to_jsonb(r)::text FROM request_log r
                    UNION ALL SELECT to_jsonb(e)::text FROM event_log e
                    """
                ).compactMap { $0[0] }
                let proxy = Data("name:\(Self.proxyPassword)".utf8).base64EncodedString()
                let keySecret = try #require(APIKey(site.key)?.secret.revealed())
                // The peer's words are there, and of what it was told nothing is.
                for log in [rows, all.lines] {
                    #expect(log.contains { $0.contains("telltale") && $0.contains("/v1/videos") })
                    #expect(log.contains { $0.contains("webhook failed") })
                    for word in [
                        Self.vendorKey, Self.proxyPassword, proxy, Self.hookToken, secret, keySecret,
                        "s3cret",
                        signature, "c4llback-t0ken", "pr0mpt",
                    ] {
                        #expect(!log.contains { $0.contains(word) }, "\(word)")
                    }
                }
                #expect(rows.contains { $0.contains("\"/media/:name\"") && $0.contains("\"GET\"") })
                #expect(rows.contains { $0.contains("\"/callback/:token\"") })
            }
        }
    }
}
