import Core
import TestSupport
import Testing

@testable import Store

/// Characters: one for each Idempotency-Key, and each its owner's.
@Suite(.freshDatabase) struct CameoTests {
    let database = TestDatabase.current
    let store: Store
    let caller: Caller
    let stranger: Caller
    let account: BridgeAccount
    private let hash = [UInt8](repeating: 7, count: 32)
    private let made = MadeCameo(
        cameoID: "ch_1", characterID: "c_1", username: "猫", displayName: "Cat", profileURL: nil)

    init() throws {
        store = database.store()
        caller = try database.caller()
        stranger = try database.caller("stranger")
        try database.account("one", slots: 1)
        account = try #require(try store.bridgeAccounts(nil, family: "sora").first)
    }

    private func begin(
        key: String? = nil, hash: [UInt8]? = nil, as other: Caller? = nil
    ) throws -> BegunCameo? {
        var draft = CameoDraft(video: Reference(.bytes([1]), field: "video"), timestamps: "0,3")
        draft.username = "chosen"
        draft.idempotencyKey = key
        return try store.beginCameo(
            draft, with: account, by: other ?? caller, hash: key == nil ? nil : hash ?? self.hash)
    }

    @Test func whatWasBegunIsFinishedAndFound() throws {
        let begun = try #require(try begin())
        #expect(begun.account == account)
        let early = try #require(try store.cameos(of: caller).first)
        #expect(early.state == .processing && early.cameoID == nil && early.username == "chosen")
        let cameo = try #require(try store.finish(begun, as: made))
        #expect(cameo.state == .finalized && cameo.cameoID == "ch_1" && cameo.username == "猫")
        #expect(cameo.uid == begun.uid && cameo.id == "char_\(begun.uid.short)")
        for name in [cameo.id, "ch_1"] { #expect(try store.cameo(name, of: caller) == cameo) }
        for name in ["char_", "", "char_000000000000", "ch_2", begun.uid.short, "char_%", "'"] {
            #expect(try store.cameo(name, of: caller) == nil, "\(name)")
        }
        #expect(try store.finish(begun, as: made) == nil, "it is final")
    }

    @Test func nobodyElseSeesOrDeletesIt() throws {
        let begun = try #require(try begin())
        let cameo = try #require(try store.finish(begun, as: made))
        #expect(try store.cameos(of: stranger).isEmpty)
        for name in [cameo.id, "ch_1"] {
            #expect(try store.cameo(name, of: stranger) == nil)
            #expect(try store.deleteCameo(name, of: stranger) == nil)
        }
        #expect(try store.deleteCameo(cameo.id, of: caller) == cameo)
        #expect(try store.cameos(of: caller).isEmpty)
        #expect(try store.deleteCameo(cameo.id, of: caller) == nil)
    }

    @Test func ofManyRequestsWithOneKeyOneBegins() throws {
        let begun = Happening<TaskID>(), ended = Happening<Bool>()
        let threads = try (0..<8).map { _ in
            try Thread {
                if let one = try? begin(key: "k") { begun.note(one.uid) }
                ended.note(true)
            }
        }
        #expect(ended.wait { $0.count == threads.count })
        #expect(begun.all.count == 1)
        // Keys are each user's own.
        #expect(try begin(key: "k", as: stranger) != nil)
        #expect(try begin(key: "other") != nil)
        #expect(try begin() != nil && begin() != nil)
    }

    @Test func oneThatWasLeftInTheMiddleIsTheSameRequestAgain() throws {
        let first = try #require(try begin(key: "k"))
        #expect(try begin(key: "k") == nil, "a request is at work for it")
        #expect(try store.deleteCameo("char_\(first.uid.short)", of: caller) == nil)
        try database.sql("UPDATE cameo SET busy_until = now() - interval '1 second'")
        #expect(try begin(key: "k", hash: [UInt8](repeating: 8, count: 32)) == nil, "another request")
        let second = try #require(try begin(key: "k"))
        #expect(second.uid == first.uid && second.account == first.account)
        #expect(try begin(key: "k") == nil)
        try store.rest(second)
        #expect(try begin(key: "k")?.uid == first.uid)
        _ = try store.finish(second, as: made)
        #expect(try begin(key: "k") == nil)
        let known = try #require(try store.cameo(ofKey: "k", by: caller))
        #expect(known.hash == hash && known.1.cameoID == "ch_1")
        #expect(try store.cameo(ofKey: "k", by: stranger) == nil)
    }

    @Test func whatWasNotMadeIsForgotten() throws {
        let begun = try #require(try begin(key: "k"))
        try store.drop(begun)
        #expect(try store.cameos(of: caller).isEmpty)
        let next = try #require(try begin(key: "k"))
        _ = try store.finish(next, as: made)
        try store.drop(next)
        #expect(try store.cameos(of: caller).count == 1, "what was made stays")
    }

    @Test func aUserHasOnlySoMany() throws {
        try database.sql(
            """
            INSERT INTO cameo (user_id, account_id, model, busy_until, idempotency_key, request_hash)
            SELECT \(caller.userID), \(account.row), 'm', now() - interval '1 s', 'k' || n, \
            decode(repeat('07', 32), 'hex')
            FROM generate_series(1, \(Limits.cameosPerUserMax)) n
            """)
        #expect(try begin() == nil && begin(key: "new") == nil)
        #expect(try begin(key: "k5") != nil, "it counts already")
        #expect(try begin(as: stranger) != nil)
        #expect(try store.cameos(of: caller).count == Limits.cameosPerUserMax)
    }

    // Statistics

    @Test func whatTheCallerHasHadMadeIsCountedByDay() throws {
        let none = try #require(try store.stats(of: caller, family: "sora"))
        #expect(none.accounts == 1 && none.activeAccounts == 1 && none.videos == 0 && none.failed == 0)
        for (days, model, succeeded, failed, images) in [
            (0, "sora-2", 3, 1, 0), (1, "sora-2", 10, 2, 0), (0, "gpt-image-2", 2, 1, 5),
            (40, "gpt-image-2", 7, 0, 7), (0, "gpt-4", 9, 9, 0), (0, "no-such", 9, 9, 9),
        ] {
            try database.sql(
                """
                INSERT INTO usage_day (day, user_id, model_id, user_identifier, accepted, succeeded, failed,
                    captured_micros, video_seconds, images)
                VALUES ((now() AT TIME ZONE 'UTC')::date - \(days), \(caller.userID), '\(model)', '',
                    \(succeeded + failed), \(succeeded), \(failed), 0, 0, \(images))
                """)
        }
        let stats = try #require(try store.stats(of: caller, family: "sora"))
        #expect(stats.videosToday == 3 && stats.videos == 13)
        #expect(stats.imagesToday == 5 && stats.images == 12)
        #expect(stats.failedToday == 2 && stats.failed == 4)
        #expect(try store.stats(of: stranger, family: "sora") == none)
        try database.sql("UPDATE account SET state = 'disabled'")
        let disabled = try #require(try store.stats(of: stranger, family: "sora"))
        #expect(disabled.accounts == 1 && disabled.activeAccounts == 0)
        #expect(try store.stats(of: caller, family: "nobody's")?.accounts == 0)
    }
}
