import Core
import TestSupport
import Testing

@testable import Store

@Suite(.freshDatabase) struct StatementTests {
    let database = TestDatabase.current

    @Test func everyStatementPrepares() throws {
        let connection = try Connection(database.options)
        for statement in Statement.all {
            #expect(throws: Never.self, "\(statement)") { try connection.prepare(statement) }
        }
    }

    @Test func noTwoStatementsShareAName() {
        let names = Statement.all.map(\.name)
        #expect(Set(names).count == names.count)
    }
}
