import Core
import Foundation
import TestSupport
import Testing

/// The logs as an operator reads them.
extension GatewayTests {
    @Suite(.freshDatabase) struct LogCommands {
        private func makePartitions(_ site: Site) throws {
            try site.database.rows("SELECT keep_logs(14, now())")
        }

        private func addEvents(_ site: Site, _ count: Int, level: String = "info") throws {
            try site.database.rows(
                """
                INSERT INTO event_log (at, process, level, name, account_id, fields)
                SELECT now(), 'web/1', '\(level)', 'noted', (SELECT min(id) FROM account),
                    jsonb_build_object('count', n) FROM generate_series(1, \(count)) n
                """)
        }

        @Test func eventsAreShownAndSelected() throws {
            try withSite { site in
                #expect(try site.kinora(["events"]).text == "(none)\n")
                #expect(try site.kinora(["events", "--json"]).json == [])
                try makePartitions(site)
                try addEvents(site, 60)
                try addEvents(site, 1, level: "error")
                func counts(_ arguments: String...) throws -> [Int64?] {
                    let rows = try site.kinora(["events", "--json"] + arguments).json.arrayValue ?? []
                    return rows.map { $0["fields"]?["count"]?.integerValue }
                }
                // Oldest first, and of too many the newest.
                #expect(try counts() == Array(12...60) + [1])
                #expect(try counts("--limit", "2") == [60, 1])
                #expect(try counts("--level", "warning") == [1])
                #expect(try counts("--account", "openai/sandbox", "--level", "error") == [1])
                #expect(try counts("--since", "1h", "--limit", "1") == [1])
                #expect(try counts("--task", "sora-2-0123456789ab").isEmpty)
                let line = try site.kinora(["events", "--limit", "1"]).text
                #expect(
                    line.wholeMatch(
                        of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z error noted account=sandbox count=1\n/)
                        != nil, "\(line)")
            }
        }

        @Test func requestsAreShownAndSelected() throws {
            try withSite { site in
                let serve = try site.start("serve")
                try #require(try site.kinora(["setting", "set", "request_log", "3"]).status == 0)
                func send(_ id: String, _ path: String) throws -> Int {
                    var request = FastCGIRequest("GET", path)
                    request.parameters = [("KN_REQUEST_ID", id)]
                    return try site.fast.send(request).status
                }
                try waitUntil("reads are logged") {
                    _ = try send("first", "/v1/models")
                    return try site.kinora(["requests", "--json"]).json.arrayValue?.isEmpty == false
                }
                #expect(try send("second", "/v1/videos/sora-2-0123456789ab") == 404)
                serve.signal(SIGTERM)
                #expect(serve.end() == 0)
                func rows(_ arguments: String...) throws -> [JSON] {
                    try site.kinora(["requests", "--json"] + arguments).json.arrayValue ?? []
                }
                let id = try #require(APIKey(site.key)?.publicID)
                let failed = try rows("--failed")
                #expect(failed.count == 1)
                #expect(failed.first?["request_id"] == "second")
                #expect(failed.first?["error"] == "task_not_found")
                #expect(failed.first?["key"] == .string(id))
                #expect(failed.first?["user"] == "default")
                #expect(try rows("--task", "sora-2-0123456789ab") == failed)
                #expect(try rows("--id", "second") == failed)
                #expect(try rows("--key", site.key).count == rows("--key", id).count)
                #expect(try rows("--key", "nobody").isEmpty)
                let line = try site.kinora(["requests", "--id", "second"]).text
                #expect(line.contains(" 404 GET /v1/videos/:id duration_micros="))
                #expect(line.contains(" request_id=second key=\(id) user=default task=0123456789ab "))
                #expect(line.split(separator: "\n").count == 1)
            }
        }

        /// What a client names, an operator's terminal must not obey.
        @Test func whatClientsSentCannotSteerATerminal() throws {
            try withSite { site in
                try makePartitions(site)
                try site.database.rows(
                    """
                    INSERT INTO request_log (at, process, request_id, status, duration_micros, model,
                            client_address, response_bytes)
                        VALUES (now(), 'p', 'r', 404, 1, E'\\x1b[31m \\u009b31m\\n"x"=\\u7f16', '', 0)
                    """)
                let text = try site.kinora(["requests"]).text
                #expect(text.contains(#"model="\u001b[31m \#u{FFFD}31m\n\"x\"=编""#), "\(text)")
                #expect(text.split(separator: "\n").count == 1)
            }
        }

        @Test func aLogIsFollowedUntilItsReaderLeaves() throws {
            try withSite { site in
                try makePartitions(site)
                try addEvents(site, 3)
                let output = "\(site.home)/followed"
                let pipe = "\"$0\" events --follow --json --limit 2 | tee \"$1\" | grep -m 1 stopped"
                let follow = try Program(
                    "/bin/bash", ["-c", pipe, try Surroundings.binary, output],
                    environment: ["PATH": "/usr/bin:/bin", "DATABASE_URL": site.database.connection])
                func shown() throws -> [JSON] {
                    try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n").map {
                        try JSONParser.parse(Array($0.utf8))
                    }
                }
                try waitUntil("the last two are shown") {
                    (try? shown())?.map { $0["fields"]?["count"] } == [2, 3]
                }
                // Another process, from its beginning to its end.
                let serve = try site.start("serve")
                serve.signal(SIGTERM)
                try waitUntil("it is heard") { try shown().contains { $0["event"] == "stopped" } }
                #expect(try shown().contains { $0["event"] == "started" && $0["level"] == "notice" })
                // Two readers have left: each learns it by its next line.
                try waitUntil("the command has ended") {
                    try addEvents(site, 1)
                    return !follow.isRunning
                }
                #expect(follow.end() == 0)
            }
        }

        /// As it ends for a parent that has both signals blocked, as threads of libdispatch have.
        @Test(arguments: [SIGINT, SIGTERM]) func aSignalEndsFollowingAtOnce(_ signal: Int32) throws {
            try withSite { site in
                try makePartitions(site)
                try addEvents(site, 1)
                let output = "\(site.home)/followed"
                let follow = try Program(
                    "/bin/bash",
                    [
                        "-c",
                        "exec env --default-signal=INT,TERM --block-signal=INT,TERM "
                            + "\"$0\" events --follow --json >\"$1\"", try Surroundings.binary, output,
                    ],
                    environment: ["PATH": "/usr/bin:/bin", "DATABASE_URL": site.database.connection])
                try waitUntil("it follows") {
                    (try? String(contentsOfFile: output, encoding: .utf8))?.hasSuffix("}\n") == true
                }
                follow.signal(signal)
                #expect(follow.end() == 128 + signal)
            }
        }

        @Test func whatMakesNoSenseIsRefused() throws {
            try withSite { site in
                for log in ["events", "requests"] {
                    for since in ["1", "h", "-1h", "1w", "1.5h", "123456789s", "١h"] {
                        expectWrongUsage(
                            try site.kinora([log, "--since=\(since)"]),
                            "--since must be a number and s, m, h or d, as in 90m.")
                    }
                    for limit in ["0", "10001"] {
                        expectWrongUsage(
                            try site.kinora([log, "--limit", limit]), "--limit must be from 1 to 10000.")
                    }
                    expectWrongUsage(
                        try site.kinora([log, "--task", "nonsense"]), "--task must be a task's id.")
                }
                expectWrongUsage(
                    try site.kinora(["events", "--level", "loud"]),
                    "--level must be one of debug, info, notice, warning, error.")
                expectFailure(
                    try site.kinora(["events", "--account", "nobody"]),
                    "There is no account 'nobody'. See `kinora account list`.")
            }
        }
    }
}
