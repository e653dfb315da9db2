import Core
import Foundation
import TestSupport
import Testing

/// A result whose task is there and whose file is not: lost, or of a backup that is younger than the media.
extension GatewayTests {
    @Suite(.freshDatabase) struct MissingFiles {
        @Test func areToldFromAddressesThatDoNotExist() throws {
            try withSite { site in
                try site.startSandbox(taskSeconds: 0.2)
                let made = try site.kinora(["key", "create", "--content", "redirect", "--json"])
                let redirecting = try #require(made.json["key"]?.stringValue)
                _ = try site.start("all")
                let submit = Call.post("/v1/videos", json: ["prompt": "a pier", "seconds": "4"])
                let id = try site.curl.send(submit.key(site.key)).id
                try waitUntil("\(id) is done") {
                    let poll = Call.get("/v1/videos/\(id)?wait=20").key(site.key)
                    return try site.curl.send(poll).json["status"] == "completed"
                }
                let content = Call.get("/v1/videos/\(id)/content")
                #expect(try site.curl.send(content.key(site.key)).status == 200)
                let link = try #require(try site.curl.send(content.key(redirecting))["Location"])

                let media = "\(site.home)/media"
                for folder in try FileManager.default.contentsOfDirectory(atPath: media) {
                    try FileManager.default.removeItem(atPath: "\(media)/\(folder)")
                }
                let range = content.key(site.key).with("Range", "bytes=0-9")
                for call in [content.key(site.key), range, .get(link)] {
                    let reply = try site.curl.send(call)
                    #expect(reply.status == 404 && reply.errorCode == "content_not_found", "\(call.target)")
                    #expect(reply.errorMessage == ErrorCode.contentNotFound.facts.message)
                    #expect(reply["Content-Type"] == "application/json")
                    #expect(reply.all("Cache-Control").contains("no-store"))
                }
                // Whoever asks for the place inside is led there by nobody.
                #expect(try site.curl.send(.get("/_media/00/x.mp4")).errorCode == "not_found")
            }
        }
    }
}
