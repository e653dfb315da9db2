import Core
import Testing
import Upstream

@testable import Engine

@Suite struct BucketTests {
    private static let signer = RequestSigner(accessKey: "AKTEST", secret: Secret("s"), region: "here")
    private let media = StoredMedia(sha256: String(repeating: "0a", count: 32), bytes: 9, type: .mp4)

    private func bucket(
        _ endpoint: String = "https://s3.example.com:9000", _ name: String = "media",
        _ addressing: Bucket.Addressing = .path
    ) throws(KinoraError) -> Bucket {
        try Bucket(endpoint: endpoint, name: name, addressing: addressing, signer: Self.signer)
    }

    @Test func isNamedInThePathOrInTheHost() throws {
        let key = "0a/\(media.sha256).mp4"
        let time = Timestamp(seconds: 0)
        let path = try bucket(), host = try bucket("https://s3.example.com", "media", .host)
        #expect(path.get(media, at: time).url == "https://s3.example.com:9000/media/\(key)")
        #expect(path.link(to: media, at: time).hasPrefix("/media/\(key)?X-Amz-Algorithm="))
        #expect(host.get(media, at: time).url == "https://media.s3.example.com/\(key)")
        #expect(host.link(to: media, at: time).hasPrefix("/\(key)?X-Amz-Algorithm="))
    }

    @Test func aPutCarriesTheHashOfWhatItCarries() throws {
        let call = try bucket().put("/spool/a", as: media, at: Timestamp(seconds: 0))
        #expect(call.method == .put && call.isRepeatable)
        #expect(call.headers.first { $0.name == "x-amz-content-sha256" }?.value.revealed() == media.sha256)
        let authorization = call.headers.first { $0.name == "authorization" }?.value.revealed() ?? ""
        #expect(
            authorization.contains("SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,"))
        guard case .file("/spool/a", .mp4) = call.body else { throw Unexpected("another body") }
    }

    @Test(
        arguments: [
            "", "s3.example.com", "ftp://s3.example.com", "https://", "https://s3.example.com/",
            "https://s3.example.com/path", "https://user@s3.example.com", "https://s3.example.com?x",
            "https://s3 example.com", "https://s3.example.com\n", "HTTPS://s3.example.com",
        ])
    func anEndpointIsASchemeAndAHost(_ endpoint: String) {
        let error = #expect(throws: KinoraError.self) { _ = try bucket(endpoint) }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains("KINORA_S3_ENDPOINT") == true)
    }

    @Test(arguments: [
        "", "ab", "Media", "me/dia", ".media", "-media", "mé-dia", String(repeating: "a", count: 64),
    ])
    func aNameThatNoBucketHasIsRefused(_ name: String) {
        let error = #expect(throws: KinoraError.self) { _ = try bucket("https://s3.example.com", name) }
        #expect(error?.message.contains("KINORA_S3_BUCKET") == true)
    }

    @Test(
        arguments: [
            (403, "InvalidAccessKeyId", "the access key is not known there"),
            (403, "SignatureDoesNotMatch", "the secret key is wrong"),
            (403, "RequestTimeTooSkewed", "the clocks differ too much"),
            (403, "AccessDenied", "the key may not do that"), (403, "", "the key may not do that"),
            (404, "NoSuchBucket", "there is no such bucket"),
            (404, "NoSuchKey", "there is no such object or bucket"),
            (400, "AuthorizationHeaderMalformed", "the bucket is in another region"),
            (307, "TemporaryRedirect", "the bucket is in another region"),
            (503, "SlowDown", "it asks to slow down, or is not available"),
            (500, "InternalError", "it failed"), (502, "", "it failed"),
            (418, "", "an answer that makes no sense"),
        ])
    func aRefusalSaysWhatToDo(_ status: Int, _ code: String, _ meaning: String) throws {
        let bucket = try bucket()
        let call = bucket.head(media, at: Timestamp(seconds: 0))
        let page = code.isEmpty ? "" : "<Error><Code>\(code)</Code><Message>m</Message></Error>"
        let reply = HTTPReply(status: status, headers: ["retry-after": "7"], body: Array(page.utf8))
        let error = #expect(throws: KinoraError.self) {
            _ = try bucket.checked(.success(reply), call, is: [200])
        }
        #expect(error?.code == .storageFailed && error?.retryAfterSeconds == 7)
        let said = code.isEmpty ? "HTTP \(status)" : "HTTP \(status) \(code) m"
        #expect(error?.detail == "bucket media, HEAD: \(meaning) (\(said))")
        #expect(error?.message == ErrorCode.storageFailed.facts.message, "clients learn nothing of it")
    }

    /// A stranger's page may say anything.
    @Test(arguments: ["<Code>", "<Code></Code>", "</Code><Code>", "<Code>\u{0}\n</Code>", "\u{FFFD}"])
    func aPageThatMakesNoSenseIsNoFaultOfOurs(_ page: String) throws {
        let bucket = try bucket()
        let call = bucket.head(media, at: Timestamp(seconds: 0))
        let reply = HTTPReply(status: 403, body: Array(page.utf8))
        let error = #expect(throws: KinoraError.self) {
            _ = try bucket.checked(.success(reply), call, is: [200])
        }
        #expect(error?.code == .storageFailed)
        #expect(error?.detail.unicodeScalars.contains { $0.value < 0x20 } == false)
    }
}
