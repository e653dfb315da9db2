import Core
import Crypto
import Testing

/// Volcengine's flavour; Amazon's is checked where stores are signed for.
@Suite struct SignatureV4Tests {
    private let body = Array(#"{"req_key":"jimeng_t2v_v30","prompt":"a red kite"}"#.utf8)
    private let signature = SignatureV4(
        .volcengine, accessKey: "AKTESTEXAMPLE", secret: Secret("SKTESTEXAMPLE"), region: "cn-north-1",
        service: "cv")
    /// 2 January 2026, 03:04:05 UTC.
    private let time = Timestamp(seconds: 1_767_323_045)

    private var request: SignatureV4.Request {
        let hash = Hex.text(SHA256.hash(data: body))
        return SignatureV4.Request(
            method: .post, path: "/",
            query: [("Version", "2022-08-31"), ("Action", "CVSync2AsyncSubmitTask")],
            headers: [
                ("content-type", "application/json"), ("host", "visual.volcengineapi.com"),
                ("x-date", SignatureV4.moment(time)), ("x-content-sha256", hash),
            ], payload: hash)
    }

    /// What the signer of Volcengine's own SDK gives for it.
    @Test func aRequestIsSignedAsVolcengineSignsIt() {
        #expect(request.payload == "31a55703fe5b1d85538217e5831c0d65fd077abb964ff2f36f90f14bcc6d28bf")
        let code = "28937876cd2e0130139b907284a4183d62532e30e187173c227d4999090e3ed9"
        #expect(signature.signature(of: request, at: time) == code)
        let value = signature.authorization(of: request, at: time).revealed()
        #expect(
            value == """
                HMAC-SHA256 Credential=AKTESTEXAMPLE/20260102/cn-north-1/cv/request, \
                SignedHeaders=content-type;host;x-content-sha256;x-date, Signature=\(code)
                """)
    }

    @Test func everyPartIsSigned() {
        let code = signature.signature(of: request, at: time)
        var others = [request, request, request, request, request]
        others[0].method = .get
        others[1].path = "/other"
        others[2].query[0].value = "2024-06-06"
        others[3].headers[1].value = "another.example"
        others[4].payload = "another"
        for other in others { #expect(signature.signature(of: other, at: time) != code) }
        #expect(signature.signature(of: request, at: time + .seconds(1)) != code)
    }

    @Test func noSecretIsPrinted() {
        var dumped = "\(signature)"
        dump(signature, to: &dumped)
        #expect(!dumped.contains("SKTEST"))
    }
}
