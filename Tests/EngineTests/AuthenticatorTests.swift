import Core
import Store
import TestSupport
import Testing

@testable import Engine

@Suite(.freshDatabase) struct AuthenticatorTests {
    let database = TestDatabase.current
    let clock = ManualClock()
    let key = APIKey.random()
    private let authenticator: Authenticator

    init() throws {
        let store = database.store(connectionsMax: 2)
        try store.addKey(
            key, user: "owner", name: "", models: ["sora-2"], expiresInDays: nil, createdStatus: 201,
            contentMode: .redirect)
        authenticator = Authenticator(cache: try SnapshotCache(store, events: EventLog()), clock: clock)
    }

    /// As if the process had started after a change.
    private func fresh() throws -> Authenticator {
        Authenticator(
            cache: try SnapshotCache(database.store(connectionsMax: 1), events: EventLog()), clock: clock)
    }

    private func head(_ authorization: String = "", header: String = "") -> RequestHead {
        RequestHead(
            method: .get, target: "/", authorization: Secret(authorization), apiKeyHeader: Secret(header))
    }

    private func refusal(_ authorization: String = "", header: String = "") -> KinoraError? {
        #expect(throws: KinoraError.self) {
            _ = try authenticator.caller(of: head(authorization, header: header))
        }
    }

    @Test func aGoodKeyNamesItsUserAndWhatItMayDo() throws {
        let text = key.revealed()
        let caller = try authenticator.caller(of: head("Bearer \(text)"))
        #expect(
            caller.options == KeyOptions(models: ["sora-2"], videoCreatedStatus: 201, contentMode: .redirect))
        #expect("\(caller.userID)" == (try database.value("SELECT id FROM app_user")))
        #expect("\(caller.keyID)" == (try database.value("SELECT id FROM api_key")))
        for (authorization, header) in [
            ("bearer \(text)", ""), ("BEARER  \(text)", ""), (text, ""), ("", text), ("Bearer \(text)", text),
        ] {
            #expect(
                try authenticator.caller(of: head(authorization, header: header)) == caller,
                "\(authorization)")
        }
    }

    @Test func noKeyIsAskedFor() {
        #expect(refusal()?.code == .missingKey)
    }

    @Test func everyWrongKeyGetsTheSameAnswer() throws {
        let text = key.revealed()
        let stranger = APIKey.random().revealed()
        let mixed = try #require(APIKey(stranger)).publicID
        let wrong = [
            "Bearer ", "Bearer x", "Basic dXNlcjpwYXNz", "Bearer \(stranger)", "Bearer \(text)x",
            "Bearer \(text.dropLast())", "Bearer \(text.uppercased())",
            "Bearer kn_\(mixed)_\(text.dropFirst(16))",
            "Bearer kn_' OR 1=1 --", "Bearer \(String(repeating: "x", count: 100_000))",
            "Bearer \(text) \(text)",
        ]
        let answers = wrong.map { refusal($0) }
        #expect(answers.allSatisfy { $0?.code == .invalidKey })
        #expect(Set(answers.map { $0?.message }).count == 1)
    }

    @Test func twoDifferentKeysAreRefused() {
        #expect(refusal("Bearer \(key.revealed())", header: APIKey.random().revealed())?.code == .invalidKey)
    }

    @Test func aRevokedKeyAndAnUnknownOneSoundTheSame() throws {
        #expect(try database.store().revokeKey(publicID: key.publicID))
        let error = #expect(throws: KinoraError.self) {
            _ = try fresh().caller(of: head("Bearer \(key.revealed())"))
        }
        #expect(error?.code == .revokedKey)
        #expect(error?.message == KinoraError(.invalidKey).message)
    }

    @Test func everyKeyOfADisabledUserIsRefused() throws {
        try database.sql("UPDATE app_user SET state = 'disabled'")
        let error = #expect(throws: KinoraError.self) {
            _ = try fresh().caller(of: head("Bearer \(key.revealed())"))
        }
        #expect(error?.code == .revokedKey)
    }

    @Test func aKeyEndsWhenItsTimeIsOver() throws {
        try database.sql("UPDATE api_key SET expires_at = now() + interval '1 hour'")
        let authenticator = try fresh()
        #expect(throws: Never.self) { _ = try authenticator.caller(of: head("Bearer \(key.revealed())")) }
        clock.advance(by: .seconds(3700))
        let error = #expect(throws: KinoraError.self) {
            _ = try authenticator.caller(of: head("Bearer \(key.revealed())"))
        }
        #expect(error?.code == .expiredKey)
    }

    @Test func whoCallsIsKnownWhileTheDatabaseIsAway() throws {
        try database.goAway()
        #expect(throws: Never.self) { _ = try authenticator.caller(of: head("Bearer \(key.revealed())")) }
        #expect(refusal("Bearer \(APIKey.random().revealed())")?.code == .invalidKey)
        try database.comeBack()
    }
}
