import Core
import Foundation
import TestSupport
import Testing

@testable import Engine
@testable import FCGIApp

/// A finished video of the running instance, for tests that only look at it.
struct FinishedVideo: Sendable {
    let id: String
    let bytes: [UInt8]

    static let shared = Result { try make() }

    private static func make() throws -> FinishedVideo {
        let instance = try Instance.running()
        let keys = try Keyring.shared.get()
        let submit = Call.post(
            "/v1/videos",
            json: ["prompt": "a lighthouse", "seconds": "4", "size": "1280x720", "async_mode": false])
        let id = try instance.curl.send(submit.key(keys.owner)).id
        let content = try instance.curl.send(Call.get("/v1/videos/\(id)/content").key(keys.owner))
        return FinishedVideo(id: id, bytes: content.body)
    }
}

extension GatewayTests {
    @Suite struct Delivery {
        private func content(_ headers: (String, String)..., method: String = "GET") throws -> Reply {
            let video = try FinishedVideo.shared.get()
            let call = Call(method, "/v1/videos/\(video.id)/content").key(try Instance.running().key)
            return try Instance.running().curl.send(headers.reduce(call) { $0.with($1.0, $1.1) })
        }

        @Test func ofAVideoIsAFilmThatPlays() throws {
            let folder = try Folder()
            try Data(FinishedVideo.shared.get().bytes).write(to: URL(filePath: "\(folder.path)/video.mp4"))
            let probe = try run(
                "/usr/bin/ffprobe",
                [
                    "-v", "error", "-print_format", "json", "-show_streams", "-show_format",
                    "\(folder.path)/video.mp4",
                ])
            #expect(probe.status == 0)
            #expect(probe.errors.isEmpty)
            let video = try #require(probe.json["streams"]?.arrayValue?.first { $0["codec_type"] == "video" })
            #expect(video["width"] == 1280)
            #expect(video["height"] == 720)
            let seconds = Double(probe.json["format"]?["duration"]?.stringValue ?? "") ?? 0
            #expect((3.5...4.5).contains(seconds))
        }

        @Test func saysWhatItSends() throws {
            let bytes = try FinishedVideo.shared.get().bytes
            let reply = try content()
            #expect(reply.status == 200)
            #expect(reply.body == bytes)
            #expect(reply["Content-Type"] == "video/mp4")
            #expect(reply["Content-Length"] == String(bytes.count))
            #expect(reply["Accept-Ranges"] == "bytes")
            #expect(reply["Cache-Control"] == "private, max-age=86400")
            #expect(reply["X-Accel-Redirect"] == nil)
            #expect(reply["Content-Disposition"]?.hasPrefix("inline; filename=") == true)
            let head = try content(method: "HEAD")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head["Content-Length"] == String(bytes.count))
            #expect(head["ETag"] == reply["ETag"])
        }

        @Test func sendsTheRangeThatIsAskedFor() throws {
            let bytes = try FinishedVideo.shared.get().bytes
            let count = bytes.count
            for (range, expected) in [
                ("bytes=0-99", 0..<100), ("bytes=100-", 100..<count), ("bytes=-10", count - 10..<count),
                ("bytes=\(count - 1)-\(count + 50)", count - 1..<count),
            ] {
                let reply = try content(("Range", range))
                #expect(reply.status == 206)
                #expect(reply.body == Array(bytes[expected]))
                let last = expected.upperBound - 1
                #expect(reply["Content-Range"] == "bytes \(expected.lowerBound)-\(last)/\(count)")
                #expect(reply["Content-Type"] == "video/mp4")
            }
            let beyond = try content(("Range", "bytes=\(count)-"))
            #expect(beyond.status == 416)
            #expect(beyond["Content-Range"] == "bytes */\(count)")
            #expect(beyond.errorCode == "range_not_satisfiable")
        }

        @Test func isNotRepeatedToWhoHasIt() throws {
            let first = try content()
            let tag = try #require(first["ETag"])
            let again = try content(("If-None-Match", tag))
            #expect(again.status == 304)
            #expect(again.body.isEmpty)
            #expect(try content(("If-None-Match", "\"other\"")).status == 200)
            let since = try #require(first["Last-Modified"])
            #expect(try content(("If-Modified-Since", since)).status == 304)
            // A range of something that has changed meanwhile would not fit the rest.
            #expect(try content(("Range", "bytes=0-9"), ("If-Range", "\"other\"")).status == 200)
        }

        private func link() throws -> String {
            let video = try FinishedVideo.shared.get()
            let call = Call.get("/v1/videos/\(video.id)/content").key(try Keyring.shared.get().redirecting)
            return try #require(try Instance.running().curl.send(call)["Location"])
        }

        @Test func byLinkNeedsNoKey() throws {
            let curl = try Instance.running().curl
            let bytes = try FinishedVideo.shared.get().bytes
            let link = try link()
            #expect(try curl.send(.get(link)).body == bytes)
            let range = try curl.send(Call.get(link).with("Range", "bytes=5-9"))
            #expect(range.status == 206)
            #expect(range.body == Array(bytes[5...9]))
            // Whatever key comes along does not matter.
            #expect(try curl.send(Call.get(link).key("kn_wrong")).status == 200)
        }

        @Test func byLinkEndsWithItsTimeAndWithAnyChange() throws {
            let instance = try Instance.running()
            let vault = try Vault(masterKey: try Configuration(environment: instance.environment).masterKey())
            let link = try link()
            let match = try #require(
                link.wholeMatch(of: /\/media\/([0-9a-f]+)\.mp4\?expires=(\d+)&signature=([0-9a-f]+)/))
            let (name, expires, signature) = (String(match.1), Int64(match.2) ?? 0, String(match.3))
            let past = Int64(Date.now.timeIntervalSince1970) - 1
            let genuine = vault.signature(ofMedia: "\(name).mp4", expires: past)
            func flipped(_ text: String) -> String { (text.hasPrefix("0") ? "1" : "0") + text.dropFirst() }
            for (what, target) in [
                (
                    "expired",
                    "\(name).mp4?expires=\(past)&signature=\(genuine)"
                ),
                ("later", "\(name).mp4?expires=\(expires + 1)&signature=\(signature)"),
                ("signature", "\(name).mp4?expires=\(expires)&signature=\(flipped(signature))"),
                ("short signature", "\(name).mp4?expires=\(expires)&signature=\(signature.dropLast(2))"),
                ("no signature", "\(name).mp4?expires=\(expires)"), ("nothing", "\(name).mp4"),
                ("other file", "\(flipped(name)).mp4?expires=\(expires)&signature=\(signature)"),
                ("other type", "\(name).png?expires=\(expires)&signature=\(signature)"),
                (
                    "sooner, twice",
                    "\(name).mp4?expires=\(expires)&signature=\(signature)&expires=\(expires + 9)"
                ),
            ] {
                let reply = try instance.curl.send(.get("/media/\(target)"))
                #expect(reply.status == 403, "\(what)")
                #expect(reply.errorCode == "invalid_signature", "\(what)")
            }
        }
    }
}
