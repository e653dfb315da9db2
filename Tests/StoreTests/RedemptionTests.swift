import Core
import Store
import TestSupport
import Testing

/// Codes: who gets what they are worth, and who is refused why.
@Suite(.freshDatabase) struct RedemptionTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private func hash(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 64 - digits.count) + digits
    }

    @discardableResult
    private func make(_ numbers: Range<Int>, worth micros: Int64 = 500, days: Int? = nil) throws -> Int64 {
        try store.addCodes(
            NewCodes(
                amount: Amount(micros: micros), note: "spring", expiresInDays: days, hashes: numbers.map(hash)
            ))
    }

    private func refusal(_ number: Int, by caller: Caller) throws -> KinoraError? {
        do throws(KinoraError) {
            _ = try store.redeem(codeHash: hash(number), by: caller)
            return nil
        } catch {
            return error
        }
    }

    @Test func aCodeAddsWhatItIsWorthOnce() throws {
        let owner = try database.caller(), other = try database.caller("other")
        try make(1..<3)
        #expect(try store.redeem(codeHash: hash(1), by: owner).micros == 500)
        #expect(try store.quota(of: owner).available.micros == 500)
        #expect(try refusal(1, by: owner)?.code == .codeUsed)
        #expect(try refusal(1, by: other)?.code == .codeUsed)
        #expect(try store.redeem(codeHash: hash(2), by: owner).micros == 500)
        #expect(try store.quota(of: owner).total.micros == 1000)
        #expect(try store.quota(of: other).total.micros == 0)
        #expect(
            try database.sql("SELECT event, kind, key_id FROM ledger ORDER BY id") == [
                ["code:1", "redemption", "\(owner.keyID)"], ["code:2", "redemption", "\(owner.keyID)"],
            ])
        #expect(try store.ledgerFaults(limit: 9).isEmpty)
    }

    @Test func manyWhoRedeemOneCodeAtOnceHaveOneWinner() throws {
        let callers = try (0..<16).map { try database.caller("user \($0)") }
        try make(1..<6)
        let processes = [database.store(), database.store()]
        for number in 1..<6 {
            let outcomes = Happening<ErrorCode?>()
            let hash = hash(number)
            try concurrently(16) { thread in
                do throws(KinoraError) {
                    _ = try processes[thread % 2].redeem(codeHash: hash, by: callers[thread])
                    outcomes.note(nil)
                } catch { outcomes.note(error.code) }
            }
            #expect(outcomes.all.count { $0 == nil } == 1)
            #expect(outcomes.all.count { $0 == .codeUsed } == 15)
        }
        #expect(try database.value("SELECT sum(available_micros) FROM wallet") == "2500")
        #expect(try store.ledgerFaults(limit: 9).isEmpty)
    }

    @Test func whatIsVoidOrExpiredIsRefusedAndStaysGranted() throws {
        let owner = try database.caller()
        let batch = try make(1..<4, days: 1)
        #expect(try store.redeem(codeHash: hash(1), by: owner).micros == 500)
        #expect(try store.voidCode(hash: hash(2)))
        #expect(try !store.voidCode(hash: hash(2)))
        #expect(try !store.voidCode(hash: hash(1)), "redeemed before")
        #expect(try refusal(2, by: owner)?.code == .codeExpired)
        try database.sql("UPDATE code_batch SET expires_at = now()")
        #expect(try refusal(3, by: owner)?.code == .codeExpired)
        #expect(try refusal(1, by: owner)?.code == .codeUsed)
        #expect(try store.voidCodes(ofBatch: batch) == 1)
        #expect(try store.quota(of: owner).available.micros == 500)
        #expect(try database.count("redemption_miss") == 0, "none of them was a guess")
    }

    @Test func tenWrongCodesWithinAnHourAreAllThatAKeyMayTry() throws {
        let owner = try database.caller(), sister = try database.caller()
        try make(1..<3)
        let processes = [database.store(), database.store()]
        let outcomes = Happening<ErrorCode>()
        let wrong = (100..<200).map(hash)
        try concurrently(16) { thread in
            do throws(KinoraError) {
                _ = try processes[thread % 2].redeem(codeHash: wrong[thread], by: owner)
            } catch { outcomes.note(error.code) }
        }
        #expect(outcomes.all.count { $0 == .codeNotFound } == 10)
        #expect(outcomes.all.count { $0 == .redemptionLimitExceeded } == 6)
        // Not even a right one, and another key of the same user is free to try.
        let refused = try refusal(1, by: owner)
        #expect(refused?.code == .redemptionLimitExceeded)
        #expect((3500...3600).contains(refused?.retryAfterSeconds ?? 0))
        #expect(try store.redeem(codeHash: hash(2), by: sister).micros == 500)
        try database.sql("UPDATE redemption_miss SET missed_at = now() - interval '61 minutes' WHERE id = 1")
        #expect(try store.redeem(codeHash: hash(1), by: owner).micros == 500)
        #expect(try refusal(50, by: owner)?.code == .codeNotFound)
        #expect(try refusal(50, by: owner)?.code == .redemptionLimitExceeded)
        #expect(try database.count("redemption_miss") == 10)
    }

    @Test func aCodeThatIsThereAlreadySpoilsTheWholeBatch() throws {
        try make(1..<3)
        let error = #expect(throws: KinoraError.self) { try make(2..<5) }
        #expect(error?.code == .alreadyExists)
        #expect(try database.count("redemption_code") == 2 && database.count("code_batch") == 1)
    }

    @Test func listsTellWhatBecameOfThem() throws {
        let owner = try database.caller()
        let batch = try make(1..<5, worth: 1_500_000, days: 3)
        _ = try store.redeem(codeHash: hash(2), by: owner)
        _ = try store.voidCode(hash: hash(3))
        let listed = try #require(try store.listCodeBatches().first)
        #expect(listed["amount"] == "1.5" && listed["codes"] == 4 && listed["note"] == "spring")
        #expect(listed["redeemed"] == 1 && listed["void"] == 1 && listed["expired"] == false)
        let states = try store.listCodes(ofBatch: batch).map { $0["state"]?.stringValue }
        #expect(states == ["open", "redeemed", "void", "open"])
        #expect(try store.listCodes(ofBatch: batch)[1]["user"] == "owner")
        try database.sql("UPDATE code_batch SET expires_at = now()")
        #expect(try store.listCodes(ofBatch: batch).first?["state"] == "expired")
    }
}
