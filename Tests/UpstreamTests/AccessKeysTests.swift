import Core
import Testing

@testable import Upstream

@Suite struct AccessKeysTests {
    @Test func aCredentialHasTwoParts() {
        let keys = AccessKeys(Secret("ak-test:sk:test"))
        #expect(keys.id == "ak-test" && keys.secret.revealed() == "sk:test")
        let half = AccessKeys(Secret("ak-test"))
        #expect(half.id == "ak-test" && half.secret.isEmpty)
    }

    /// Computed apart from any code here, by the vendor's rule.
    @Test func aTokenIsWhatTheRuleGives() {
        let token = AccessKeys(Secret("ak-test:sk-test")).token(at: Timestamp(seconds: 1_767_324_845))
        #expect(
            token.revealed() == """
                eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
                eyJpc3MiOiJhay10ZXN0IiwiZXhwIjoxNzY3MzI2NjQ1LCJuYmYiOjE3NjczMjQ4NDB9.\
                g1hU6YggWJi__EFIcYgTc6JzhkfUnvkwh3ebF0MB5mk
                """)
    }
}
