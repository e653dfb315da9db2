import Core
import Testing

@Suite struct KinoraErrorTests {
    @Test func theDetailReachesTheLogAndNeverTheCaller() {
        let error = KinoraError(.upstreamServer, detail: "vendor said: quota of account 17")
        #expect(!error.description.contains("account 17"))
        #expect(!"\(error)".contains("account 17"))
        #expect(String(reflecting: error).contains("account 17"))
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
