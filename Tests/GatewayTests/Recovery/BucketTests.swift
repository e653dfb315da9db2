import Core
import Foundation
import TestSupport
import Testing

extension GatewayTests {
    /// Media in a bucket: every process real, the bucket's signatures checked by botocore.
    @Suite(.freshDatabase) struct Buckets {
        private func withBucket(_ body: (Site, TestBucket) throws -> Void) throws {
            let bucket = try TestBucket()
            defer { bucket.stop() }
            try withSite(bucket.settings) { site in
                try site.startSandbox(taskSeconds: 0.2)
                try body(site, bucket)
            }
        }

        private func send(_ call: Call, _ site: Site, key: String? = nil) throws -> Reply {
            try site.curl.send(call.key(key ?? site.key))
        }

        /// Submits a film and waits for it.
        private func film(_ site: Site, _ body: JSONObject = [:]) throws -> String {
            var all: JSONObject = ["prompt": "a pier", "seconds": "4", "size": "1280x720"]
            for (name, value) in body.members { all[name] = value }
            let id = try send(.post("/v1/videos", json: .object(all)), site).id
            try waitUntil("\(id) is done", within: .seconds(60)) {
                try send(.get("/v1/videos/\(id)?wait=20"), site).json["status"] == "completed"
            }
            return id
        }

        private func content(
            _ id: String, _ site: Site, _ headers: (String, String)..., method: String = "GET"
        ) throws -> Reply {
            let call = Call(method, "/v1/videos/\(id)/content")
            return try send(headers.reduce(call) { $0.with($1.0, $1.1) }, site)
        }

        private func expectNoTrace(_ reply: Reply) {
            for (name, value) in reply.headers {
                let line = "\(name): \(value)".lowercased()
                for word in ["amz", "minio", "werkzeug", "signature", "akiatest", "/media/"] {
                    #expect(!line.contains(word), "\(line)")
                }
            }
        }

        @Test func aFilmGoesThereAndComesBackTheWholeWay() throws {
            try withBucket { site, bucket in
                let all = try site.start("all")
                let id = try film(site)
                let objects = try bucket.objects()
                #expect(objects.map(\.type) == ["video/mp4"])
                let key = try #require(objects.first?.key)
                #expect(key.wholeMatch(of: /([0-9a-f]{2})\/\1[0-9a-f]{62}\.mp4/) != nil)
                let bytes = try bucket.bytes(of: key)
                try Data(bytes).write(to: URL(filePath: "\(site.home)/film.mp4"))
                let probe = try run("/usr/bin/ffprobe", ["-v", "error", "\(site.home)/film.mp4"])
                #expect(probe.status == 0 && probe.errors.isEmpty)
                #expect(try FileManager.default.contentsOfDirectory(atPath: "\(site.home)/media").isEmpty)

                let whole = try content(id, site)
                #expect(whole.status == 200 && whole.body == bytes)
                #expect(whole["Content-Type"] == "video/mp4")
                #expect(whole["Content-Length"] == String(bytes.count))
                #expect(whole["Cache-Control"] == "private, max-age=86400")
                #expect(whole["Content-Disposition"]?.hasPrefix("inline; filename=") == true)
                #expect(whole["Accept-Ranges"] == "bytes")
                #expect(whole["Cross-Origin-Resource-Policy"] == "cross-origin")
                expectNoTrace(whole)
                let head = try content(id, site, method: "HEAD")
                #expect(head.status == 200 && head.body.isEmpty)
                #expect(head["Content-Length"] == String(bytes.count) && head["ETag"] == whole["ETag"])
                let part = try content(id, site, ("Range", "bytes=5-9"))
                #expect(part.status == 206 && part.body == Array(bytes[5...9]))
                #expect(part["Content-Range"] == "bytes 5-9/\(bytes.count)")
                let tag = try #require(whole["ETag"])
                #expect(try content(id, site, ("If-None-Match", tag)).status == 304)
                let beyond = try content(id, site, ("Range", "bytes=\(bytes.count)-"))
                #expect(beyond.status == 416 && beyond.errorCode == "range_not_satisfiable")
                expectNoTrace(beyond)
                #expect(!all.lines.contains { $0.contains(TestBucket.secret) || $0.contains("X-Amz-") })
            }
        }

        @Test func aLinkLeadsThereByOurOwnAddress() throws {
            try withBucket { site, bucket in
                let made = try site.kinora(["key", "create", "--content", "redirect", "--json"])
                let key = try #require(made.json["key"]?.stringValue)
                _ = try site.start("all")
                let id = try film(site)
                let reply = try send(.get("/v1/videos/\(id)/content"), site, key: key)
                #expect(reply.status == 302)
                let link = try #require(reply["Location"])
                #expect(
                    link.wholeMatch(of: /\/media\/[0-9a-f]{64}\.mp4\?expires=\d+&signature=[0-9a-f]{64}/)
                        != nil)
                let bytes = try bucket.bytes(of: try #require(try bucket.objects().first?.key))
                #expect(try site.curl.send(.get(link)).body == bytes)
                // The way inside is nobody else's.
                let object = "/_bucket/media/\(try #require(try bucket.objects().first?.key))"
                #expect(try send(.get(object), site).status == 404)
            }
        }

        /// The certificate is checked, by the application and by nginx.
        @Test func aBucketBehindTLSIsTrustedByItsName() throws {
            let bucket = try TestBucket()
            defer { bucket.stop() }
            let endpoint = "https://localhost:\(bucket.port)"
            try withSite(bucket.settings.merging(["KINORA_S3_ENDPOINT": endpoint]) { $1 }) { site in
                bucket.stop()
                try bucket.start(tls: "\(site.home)/tls")
                try site.startSandbox(taskSeconds: 0.2)
                let distrusting = try site.kinora(["check"], ["KINORA_CA_BUNDLE": ""])
                #expect(distrusting.text.contains("bucket media: PUT \(endpoint)/media/"))
                #expect(try site.kinora(["check"]).status == 0)
                _ = try site.start("all")
                let id = try film(site)
                let reply = try content(id, site)
                #expect(reply.status == 200 && reply["Content-Length"] == String(reply.body.count))
                #expect(try FileManager.default.contentsOfDirectory(atPath: "\(site.home)/media").isEmpty)
            }
        }

        @Test func aReferenceTravelsThroughTheBucket() throws {
            try withBucket { site, bucket in
                _ = try site.start("all")
                let picture = try run(
                    "/usr/bin/ffmpeg",
                    [
                        "-v", "error", "-f", "lavfi", "-i", "color=c=teal:s=1280x720", "-frames:v", "1",
                        "-f", "image2pipe", "-c:v", "png", "-",
                    ]
                ).output
                _ = try film(
                    site, ["input_reference": .string(Data(picture).base64EncodedString())])
                let reference = try #require(try bucket.objects().first { $0.type == "image/png" })
                #expect(try bucket.bytes(of: reference.key) == picture)
                try waitUntil("the spool is empty") {
                    try FileManager.default.contentsOfDirectory(atPath: "\(site.home)/spool").isEmpty
                }
            }
        }

        /// S3 down while storing: nothing is lost, nothing submitted again, and the log says why it waits.
        @Test func aTaskWaitsForABucketThatIsDown() throws {
            try withBucket { site, bucket in
                let all = try site.start("all")
                bucket.stop()
                let id = try send(.post("/v1/videos", json: ["prompt": "x", "seconds": "4"]), site).id
                let line = try all.line(containing: "result not stored")
                #expect(line.contains("KN504") && line.contains("bucket media: PUT http://127.0.0.1:"))
                try waitUntil("its owner sees that it waits for the end") {
                    let waiting = try send(.get("/v1/videos/\(id)"), site)
                    return waiting.json["status"] == "in_progress" && waiting.json["progress"] == 99
                }
                try bucket.start()
                try waitUntil("it is stored", within: .seconds(60)) {
                    try send(.get("/v1/videos/\(id)"), site).json["status"] == "completed"
                }
                #expect(try content(id, site).body == bucket.bytes(of: try bucket.objects()[0].key))
                #expect(try site.sandbox.accepted() == 1)
                #expect(try site.database.number("SELECT count(*) FROM attempt") == 1)
            }
        }

        @Test func whatItCannotGiveIsOurFaultAndTellsNothing() throws {
            try withBucket { site, bucket in
                _ = try site.start("all")
                let id = try film(site)
                func expect(_ status: Int, _ code: String) throws {
                    let reply = try content(id, site)
                    #expect(reply.status == status && reply.errorCode == code)
                    #expect(reply["Content-Type"] == "application/json")
                    #expect(reply["Retry-After"] == (status == 503 ? "2" : nil))
                    expectNoTrace(reply)
                }
                try bucket.delete(try bucket.objects()[0].key)
                try expect(404, "content_not_found")
                bucket.stop()
                try expect(503, "service_unavailable")
            }
        }

        @Test func whatIsDeletedLeavesTheBucket() throws {
            try withBucket { site, bucket in
                _ = try site.start("all")
                let id = try film(site)
                #expect(try send(.delete("/v1/videos/\(id)"), site).status == 200)
                // It was stored a moment ago: the first look leaves it, and one a minute later does not.
                try site.database.rows("UPDATE media_removal SET due_at = now()")
                try waitUntil("it was looked at") {
                    try site.database.number("SELECT count(*) FROM media_removal WHERE tries = 1") == 1
                }
                #expect(try bucket.objects().count == 1)
            }
        }

        @Test func whatLaysOnDiskIsMovedWhileEverythingRuns() throws {
            try withBucket { site, bucket in
                let before = try site.start("all", ["KINORA_S3_ENDPOINT": ""])
                let id = try film(site)
                let bytes = try content(id, site).body
                #expect(try bucket.objects().isEmpty)
                before.signal(SIGTERM)
                #expect(before.end() == 0)
                _ = try site.start("all")
                #expect(try content(id, site).body == bytes, "still from the disk")
                let moved = try site.kinora(["media", "move"])
                #expect(moved.status == 0 && moved.text == "moved 1\n", "\(moved.errors)")
                #expect(try bucket.bytes(of: try bucket.objects()[0].key) == bytes)
                #expect(try content(id, site).body == bytes)
                #expect(try site.kinora(["media", "move"]).text == "moved 0\n")
                let none = try site.kinora(["media", "move"], ["KINORA_S3_ENDPOINT": ""])
                #expect(none.status == 1 && none.errors == "kinora: KINORA_S3_ENDPOINT is not set.\n")
            }
        }

        // kinora check

        @Test func aGoodBucketHasNoFaultsAndKeepsNothingOfTheCheck() throws {
            let bucket = try TestBucket()
            try withSite(bucket.settings) { site in
                let checked = try site.kinora(["check"])
                #expect(checked.status == 0, "\(checked.text)")
                #expect(!checked.text.contains(TestBucket.secret))
                #expect(try bucket.objects().isEmpty)
            }
        }

        @Test func aCheckSaysWhatIsWrongWithTheBucket() throws {
            let bucket = try TestBucket()
            try withSite(bucket.settings) { site in
                func expect(_ words: String, _ more: [String: String] = [:]) throws {
                    let checked = try site.kinora(["check"], more)
                    #expect(checked.status == 1)
                    let faults = checked.text.components(separatedBy: "Faults:").last ?? ""
                    #expect(faults.contains(words), "\(words) is not in:\n\(faults)")
                    #expect(!checked.text.contains(TestBucket.secret) && !faults.contains("wr0ng"))
                }
                try expect("there is no such bucket (HTTP 404 NoSuchBucket", ["KINORA_S3_BUCKET": "another"])
                try expect("the bucket is in another region", ["KINORA_S3_REGION": "eu-north-9"])
                try expect("KINORA_S3_BUCKET must be a bucket's name", ["KINORA_S3_BUCKET": ""])
                try expect("KINORA_S3_ENDPOINT must be like", ["KINORA_S3_ENDPOINT": "s3.example.com"])
                try expect("KINORA_S3_REGION must be a word", ["KINORA_S3_REGION": ""])
                try expect("KINORA_S3_ADDRESSING must be one of path, host", ["KINORA_S3_ADDRESSING": "dns"])
                try expect("KINORA_S3_KEY_FILE: /nowhere: No such file", ["KINORA_S3_KEY_FILE": "/nowhere"])
                try bucket.keyFile(TestBucket.accessKey, "wr0ng-secret")
                try expect("bucket media, PUT: the secret key is wrong (HTTP 403 SignatureDoesNotMatch")
                try bucket.keyFile("AKIAwr0ng", TestBucket.secret)
                try expect(
                    "bucket media, PUT: the access key is not known there (HTTP 403 InvalidAccessKeyId")
                try bucket.keyFile("only one line", "")
                try expect("must hold access key and secret key, a line each.")
                try bucket.keyFile(TestBucket.accessKey, TestBucket.secret, mode: 0o640)
                try expect("can be read by others: chmod 600")
                try bucket.keyFile(TestBucket.accessKey, TestBucket.secret)
                bucket.stop()
                try expect("bucket media: PUT http://127.0.0.1:\(bucket.port)/media/")
            }
        }
    }
}
