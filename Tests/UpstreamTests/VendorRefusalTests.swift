import Core
import Testing
import Upstream

/// Odd ways in which vendors refuse, that no golden file of theirs has.
@Suite struct VendorRefusalTests {
    private let account = VendorAccount(
        row: 1, baseURL: "https://vendor.example", credential: Secret("access-key:secret-key"))

    private func reply(_ status: Int, _ body: String, headers: [String: String] = [:]) -> HTTPReply {
        HTTPReply(status: status, headers: headers, body: Array(body.utf8), to: account.credential)
    }

    private var job: VendorJob {
        VendorJob(
            model: "jimeng_t2v_v30_1080p", category: .t2v, prompt: "p", parameters: [:], references: [],
            remixOf: nil, token: "t", startedAt: Timestamp(seconds: 0), timeLeft: .seconds(60))
    }

    private func failure(
        _ vendor: any Vendor, _ reply: HTTPReply, of ticket: String = "1"
    ) throws(KinoraError) -> ErrorCode? {
        guard case .failed(let error) = try vendor.progress(reply, of: ticket, account) else { return nil }
        return error.code
    }

    @Test(arguments: [
        (#"{"status":"Fail","base_resp":{"status_code":1027}}"#, ErrorCode.contentRefused),
        (#"{"status":"Failed","base_resp":{"status_code":1000}}"#, .generationFailed),
        (#"{"status":"Fail","base_resp":{"status_code":0}}"#, .generationFailed),
    ])
    func aFailedTaskOfMiniMaxHasFailedWhateverElseItSays(_ body: String, _ code: ErrorCode) throws {
        #expect(try failure(MiniMax(), reply(200, body)) == code)
    }

    @Test(arguments: [
        (500, 50412, ErrorCode.contentRefused), (500, 50429, .upstreamRate),
        (400, 50430, .upstreamConcurrency),
        (200, 50500, .upstreamServer), (200, 59999, .upstreamProtocol),
    ])
    func whatJimengRefusesIsRefusedWithAnyStatus(_ status: Int, _ number: Int, _ code: ErrorCode) throws {
        let answer = try Jimeng().accepted(reply(status, #"{"code":\#(number),"data":null}"#), for: job)
        guard case .refused(let error) = answer else { throw CancellationError() }
        #expect(error.code == code)
    }

    /// It may have come after the task was taken.
    @Test func aFaultOfJimengsServerIsNoRefusal() {
        let error = #expect(throws: KinoraError.self) {
            try Jimeng().accepted(reply(500, #"{"code":50500,"data":null}"#), for: job)
        }
        #expect(error?.code == .upstreamServer)
    }

    @Test func aModelOfFalsThatFailsHasFailed() throws {
        let body = #"{"detail":"Internal Server Error"}"#
        let failed = reply(500, body, headers: ["x-fal-error-type": "internal_server_error"])
        #expect(try failure(Fal(), failed, of: "fal-ai/a/requests/1") == .generationFailed)
        let error = #expect(throws: KinoraError.self) {
            try failure(Fal(), reply(500, body), of: "fal-ai/a/requests/1")
        }
        #expect(error?.code == .upstreamServer)
    }

    @Test(arguments: ["SAFETY.OUTPUT.VIDEO", "INPUT_PREPROCESSING.SAFETY.TEXT"])
    func runwaysReviewIsKnownByItsCode(_ code: String) throws {
        let body = #"{"status":"FAILED","failure":"no","failureCode":"\#(code)"}"#
        #expect(try failure(Runway(), reply(200, body)) == .contentRefused)
        let internalFault = #"{"status":"FAILED","failureCode":"INTERNAL.BAD_OUTPUT"}"#
        #expect(try failure(Runway(), reply(200, internalFault)) == .generationFailed)
    }

    @Test(arguments: [
        ("Contains blacklisted words", ErrorCode.contentRefused),
        ("Moderated content", .contentRefused), ("Out of luck", .generationFailed),
    ])
    func lumasReviewIsKnownByItsWords(_ words: String, _ code: ErrorCode) throws {
        #expect(try failure(Luma(), reply(200, #"{"state":"failed","failure_reason":"\#(words)"}"#)) == code)
    }

    @Test func anAbsurdBalanceIsABalance() throws {
        let one = #"{"token":"t","points":{"totalCredit":1000000000000}}"#
        let many = "[\(Array(repeating: one, count: 10).joined(separator: ","))]"
        #expect(try JimengAPI().credits([reply(200, many)]) == 1_000_000_000_000_000_000)
    }

    /// Half a key would not be known again.
    @Test func wordsAreCutOffAfterTheirSecretsAreBlottedOut() {
        let body = String(repeating: "x", count: 290) + "access-key:secret-key and secret-key"
        let detail = Vidu().error(of: reply(401, body)).detail
        #expect(!detail.contains("access") && !detail.contains("secret"), "\(detail)")
        #expect(detail.contains("***"))
    }
}
