import Core
import Foundation
import TestSupport
import Testing

extension GatewayTests {
    @Suite struct Hostility {
        private var instance: Instance { get throws { try Instance.running() } }

        /// The address of a stored file, which only nginx itself may use.
        private func mediaAddress() throws -> String {
            let video = try FinishedVideo.shared.get()
            let reply = try instance.curl.send(
                Call.get("/v1/videos/\(video.id)/content").key(try Keyring.shared.get().redirecting))
            let name = try #require(reply["Location"]?.split(separator: "/").last?.prefix { $0 != "?" })
            return "_media/\(name.prefix(2))/\(name)"
        }

        @Test func pathsThatClimbReachNothingInside() throws {
            let media = try mediaAddress()
            let inside = [
                "_fast", "_slow", "_relay", "_admission", "_await/v1/models", "_await/v1/videos", "_error",
                "_content_error", "_range_error", media,
            ]
            let disguises: [(String) -> String] = [
                { "/\($0)" }, { "//\($0)" }, { "/v1/../\($0)" }, { "/v1/%2e%2e/\($0)" },
                { "/v1/videos/../../\($0)" },
                { "/v1/..%2f\($0)" }, { "/v1/%2e%2e%2f\($0)" }, { "/admin/../\($0)" }, { "/media/../\($0)" },
                { "/%5f\($0.dropFirst())" }, { "/./\($0)" }, { "/v1//../\($0)" }, { "/v1/.%2e/\($0)" },
                { "/_MEDIA/../\($0)" }, { "/v1/..\\\($0)" }, { "/v1/..;/\($0)" },
            ]
            for path in inside {
                for disguise in disguises {
                    let reply = try instance.curl.send(Call.get(disguise(path)).key(try instance.key))
                    #expect([400, 404].contains(reply.status), "\(disguise(path)) gave \(reply.status)")
                    #expect(reply["Content-Type"] == "application/json", "\(disguise(path))")
                    #expect(reply.errorCode != nil, "\(disguise(path))")
                }
            }
        }

        @Test func pathsOfOddSpellingAreRefusedOrMeanWhatTheySay() throws {
            let key = try instance.key
            func status(_ target: String) throws -> Int {
                try instance.curl.send(Call.get(target).key(key)).status
            }
            for target in [
                "//v1//videos", "/v1/videos/", "/v1/%76ideos", "/v1/videos?", "/v1/videos#fragment",
            ] {
                try #expect(status(target) == 200, "\(target)")
            }
            for target in [
                "/v1/videos%2f", "/v1/videos/%2e", "/v1/videos/..", "/v1/videos%00", "/v1/videos/%",
                "/v1/videos/%zz",
                "/v1/videos/%ff", "/v1/videos/a%0d%0ab", "/v1/videos/a%5cb", "/v1\\videos", "/V1/videos",
                "/v1/videos;a=b",
                "/v1/videos/%c0%ae%c0%ae", "/v1/videos?limit=%", "/v1/videos?limit=%ff",
                "/v1/videos/" + String(repeating: "a", count: 7000),
            ] {
                let reply = try instance.curl.send(Call.get(target).key(key))
                #expect([400, 404].contains(reply.status), "\(target) gave \(reply.status)")
                #expect(reply.errorCode != nil, "\(target)")
            }
            let long = Call.get("/v1/videos/" + String(repeating: "a", count: 9000)).key(key)
            let reply = try instance.curl.with("--http1.1").send(long)
            #expect(reply.status == 414)
            #expect(reply.errorCode == "uri_too_long")
        }

        @Test(arguments: ["--http1.1", "--http2"])
        func headerFloodsAreRefused(_ version: String) throws {
            let curl = try instance.curl.with(version)
            let call = Call.get("/v1/models").key(try instance.key)
            // A few dozen are nothing special.
            let ordinary = (0..<50).reduce(call) { $0.with("X-Header-\($1)", "value \($1)") }
            #expect(try curl.send(ordinary).status == 200)
            let many = (0..<2000).reduce(call) {
                $0.with("X-Header-\($1)", "a value of some length, as clients send them")
            }
            let huge = call.with("X-Header", String(repeating: "x", count: 20_000))
            let hugeKey = Call.get("/v1/models").with(
                "Authorization", "Bearer " + String(repeating: "k", count: 20_000))
            for flood in [many, huge, hugeKey] {
                if version == "--http1.1" {
                    let reply = try curl.send(flood)
                    #expect(reply.status == 431)
                    #expect(reply.errorCode == "headers_too_large")
                } else {
                    // Under HTTP/2 nginx may end the stream or the connection instead of answering.
                    let status = (try? curl.send(flood).status) ?? 0
                    #expect([0, 400, 431].contains(status))
                }
            }
            #expect(try curl.send(call).status == 200)
        }

        @Test func plainHTTPIsToldWhatThisPortSpeaks() throws {
            let plain = Curl(
                base: try instance.url.replacing("https:", with: "http:"), authority: try instance.authority)
            let reply = try plain.send(.get("/v1/models"))
            #expect(reply.status == 400)
            #expect(reply.errorCode == "bad_request")
            #expect(reply.errorMessage == "This port speaks HTTPS only.")
        }

        @Test func headersThatNameTrustedParametersChangeNothing() throws {
            let call = Call.get("/v1/models/x").key(try instance.key)
                .with("KN-Client-IP", "6.6.6.6").with("KN_CLIENT_IP", "6.6.6.6").with(
                    "KN_TARGET", "/v1/models"
                )
                .with("KN-Target", "/v1/models").with("Proxy", "http://127.0.0.1:1").with(
                    "X-Accel-Redirect", "/_slow"
                )
                .with("KN-Admission", "1").with("KN_ADMISSION", "1")
                .with("Request-URI", "/v1/models").with("X-Original-URL", "/v1/models").with(
                    "X-Rewrite-URL", "/v1/models")
            let reply = try instance.curl.send(call)
            #expect(reply.status == 404)
            #expect(reply.errorMessage == "Model 'x' not found")
            // A name with underscores is not the name with hyphens.
            #expect(
                try instance.curl.send(Call.get("/v1/models").with("X_API_KEY", try instance.key)).status
                    == 401)
        }

        @Test func oddMethodsAreRefused() throws {
            for method in ["TRACE", "CONNECTION", "get", "PROPFIND", "OPTIONS"] {
                let reply = try instance.curl.with("--http1.1").send(
                    Call(method, "/v1/videos").key(try instance.key))
                #expect([400, 404, 405, 501].contains(reply.status), "\(method) gave \(reply.status)")
                #expect(reply.errorCode != nil, "\(method)")
            }
        }

        /// nginx refuses it by itself, and does not know what the address would take.
        @Test func aTraceIsToldWhatThereIs() throws {
            let curl = try instance.curl.with("--http1.1")
            for (target, methods) in [
                ("/v1/videos", "POST, GET"), ("/api/task/x", "GET"), ("/v1/batches", "POST"),
            ] {
                let reply = try curl.send(Call("TRACE", target))
                #expect(
                    reply.status == 405 && reply["Allow"] == methods, "\(target): \(reply["Allow"] ?? "")")
            }
            #expect(try curl.send(Call("TRACE", "/nowhere")).status == 404)
            #expect(try curl.send(Call("POST", "/docs/")).status == 405)
        }

        @Test func aQueryThatCannotBeReadIsRefusedInTheWordsOfItsAPI() throws {
            let hub = try instance.curl.send(.get("/api/video/status?jobId=%zz"))
            #expect(hub.status == 400 && hub.json["success"] == false && hub.json["data"] == .null)
            let videos = try instance.curl.send(.get("/v1/videos?limit=%zz"))
            #expect(videos.status == 400 && videos.errorCode == "invalid_request")
        }

        /// A handshake, then bytes as they are, then whatever comes back until the server hangs up.
        private func speak(_ bytes: String) throws -> String {
            let authority = try instance.url.replacing("https://", with: "")
            let finished = try run(
                "/usr/bin/openssl",
                [
                    "s_client", "-quiet", "-connect", authority, "-CAfile", try instance.authority,
                    "-verify_return_error",
                ],
                input: Array(bytes.utf8))
            return finished.text
        }

        @Test func twoLengthsAreOneTooMany() throws {
            let key = try instance.key
            for lengths in [
                "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nTransfer-Encoding: chunked",
            ] {
                let head = "Host: localhost\r\nAuthorization: Bearer \(key)\r\n"
                let second = "GET /v1/models HTTP/1.1\r\n\(head)\r\n"
                let first = "POST /v1/videos HTTP/1.1\r\n\(head)\(lengths)\r\n\r\n0\r\n\r\n"
                let answer = try speak(first + second)
                #expect(answer.hasPrefix("HTTP/1.1 400"), "\(lengths)")
                #expect(!answer.contains("\"object\":\"list\""), "\(lengths)")
            }
        }
    }
}
