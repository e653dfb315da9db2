import Core
import Testing

@testable import Engine

/// The examples of Amazon's "Signature Calculations for the Authorization Header" and "Authenticating
/// Requests: Using Query Parameters" for S3, with the key that the manual uses.
@Suite struct RequestSignerTests {
    private let signer = RequestSigner(
        accessKey: "AKIAIOSFODNN7EXAMPLE", secret: Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        region: "us-east-1")
    /// Friday, 24 May 2013, midnight UTC.
    private let time = Timestamp(seconds: 1_369_353_600)
    private let host = (name: "host", value: "examplebucket.s3.amazonaws.com")

    private func signature(_ request: RequestSigner.Request) -> String? {
        let headers = signer.headers(signing: request, at: time)
        #expect(headers.map(\.name) == ["x-amz-content-sha256", "x-amz-date", "authorization"])
        #expect(headers[0].value.revealed() == request.payload)
        #expect(headers[1].value.revealed() == "20130524T000000Z")
        let text = headers[2].value.revealed()
        #expect(
            text.hasPrefix(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "))
        return text.split(separator: "Signature=").last.map(String.init)
    }

    @Test func anObjectIsAskedForByItsRange() {
        let request = RequestSigner.Request(
            method: .get, path: "/test.txt", headers: [host, ("range", "bytes=0-9")],
            payload: RequestSigner.emptyPayload)
        #expect(
            signature(request) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    @Test func anObjectIsPut() {
        let request = RequestSigner.Request(
            method: .put, path: "/test%24file.text",
            headers: [
                host, ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            payload: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
        #expect(
            signature(request) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    @Test func aQueryWithoutValuesIsSigned() {
        let request = RequestSigner.Request(
            method: .get, path: "/", query: [("lifecycle", "")], headers: [host],
            payload: RequestSigner.emptyPayload)
        #expect(
            signature(request) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
    }

    @Test func aQueryIsSignedInItsOrder() {
        let request = RequestSigner.Request(
            method: .get, path: "/", query: [("prefix", "J"), ("max-keys", "2")], headers: [host],
            payload: RequestSigner.emptyPayload)
        #expect(
            signature(request) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test func aLinkIsSigned() {
        let request = RequestSigner.Request(
            method: .get, path: "/test.txt", headers: [host], payload: "UNSIGNED-PAYLOAD")
        #expect(
            signer.query(signing: request, at: time, for: 86_400)
                == "X-Amz-Algorithm=AWS4-HMAC-SHA256"
                + "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                + "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                + "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
    }

    @Test func noSecretIsPrinted() {
        let request = RequestSigner.Request(
            method: .get, path: "/", headers: [host], payload: RequestSigner.emptyPayload)
        #expect(!"\(signer) \(signer.headers(signing: request, at: time))".contains("wJalr"))
        var dumped = ""
        dump(signer, to: &dumped)
        #expect(!dumped.contains("wJalr"))
    }
}
