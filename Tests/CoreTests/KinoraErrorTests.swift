import Core
import Testing

@Suite struct KinoraErrorTests {
    @Test func theDetailReachesTheLogAndNeverTheCaller() {
        let error = KinoraError(.upstreamServer, detail: "vendor said: quota of account 17")
        #expect(!error.description.contains("account 17"))
        #expect(!"\(error)".contains("account 17"))
        #expect(String(reflecting: error).contains("account 17"))
    }

    @Test func aSecretLeavesTheMessageAndTheDetail() {
        let secret = Secret("0f1e2d3c-4b5a-6978")
        let error = KinoraError(
            .upstreamRequest, "wrong: 0f1e2d3c-4b5a-6978", retryAfterSeconds: 3,
            detail: "HTTP 400 0f1e2d3c-4b5a-6978, Authorization: Bearer eyJhbGciOi.abc")
        let plain = error.replacing(secret)
        #expect(plain.message == "wrong: ***" && plain.retryAfterSeconds == 3)
        #expect(plain.detail == "HTTP 400 ***, Authorization: Bearer ***")
    }

    @Test func aModelsNameIsNotRepeatedAtAnyLength() {
        #expect(
            KinoraError.modelNotFound("e" + String(repeating: "\u{301}", count: 9000)).message.utf8.count
                < 400)
        #expect(KinoraError.modelNotFound("sora-9").message == "Model 'sora-9' not found")
    }

    @Test func everyCodeHasANumberOfItsGroupAndAStatus() {
        let facts = ErrorCode.allCases.map(\.facts)
        #expect(Set(facts.map(\.number)).count == facts.count)
        for fact in facts {
            #expect(fact.number.count == 5 && fact.number.hasPrefix("KN"), "\(fact.number)")
            #expect((400...599).contains(fact.status), "\(fact.number)")
            #expect(!fact.message.isEmpty, "\(fact.number)")
        }
    }

    @Test func theCodesOwnMessageIsTheDefault() {
        #expect(KinoraError(.taskNotFound).message == "Task not found")
        #expect(KinoraError(.taskNotFound, "No such task.").description == "KN302 No such task.")
    }
}
