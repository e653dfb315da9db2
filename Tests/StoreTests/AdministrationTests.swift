import Core
import Store
import TestSupport
import Testing

/// What the command line does.
@Suite(.freshDatabase) struct AdministrationTests {
    let database = TestDatabase.current
    let store = TestDatabase.current.store()

    private func states() throws -> [String?] {
        try database.sql("SELECT state FROM account ORDER BY id").map { $0[0] }
    }

    @Test func anAccountIsChangedByNumberNameOrBoth() throws {
        let one = try database.account("one")
        try database.account("two")
        #expect(try store.setAccountState("\(one)", to: "disabled", reason: "r") == 1)
        #expect(try states() == ["disabled", "active"])
        #expect(try store.setAccountState("two", to: "disabled", reason: "r") == 1)
        #expect(try store.setAccountState("openai/one", to: "active", reason: "") == 1)
        #expect(try states() == ["active", "disabled"])
        #expect(try store.setAccountState("three", to: "disabled", reason: "r") == 0)
    }

    @Test func aNameThatTwoAccountsHaveChangesNeither() throws {
        try database.account("same")
        try database.account("same", vendor: "other")
        #expect(try store.setAccountState("same", to: "disabled", reason: "r") == 2)
        #expect(try states() == ["active", "active"])
        #expect(try store.setAccountState("other/same", to: "disabled", reason: "r") == 1)
        #expect(try states() == ["active", "disabled"])
    }

    @Test func aSecondAccountOfThatNameIsRefused() throws {
        try database.account("one")
        let error = #expect(throws: KinoraError.self) { try database.account("one") }
        #expect(error?.code == .alreadyExists)
        #expect(throws: Never.self) { try database.account("one", vendor: "other") }
    }

    private func addKey(_ key: APIKey = .random(), of user: String, name: String = "") throws(KinoraError) {
        try store.addKey(
            key, user: user, name: name, models: nil, expiresInDays: nil, createdStatus: 200,
            contentMode: .serve, quotaCap: Amount(micros: 5_000_000_000))
    }

    @Test func anAdministratorKeepsItsPasswordUntilAnotherIsGiven() throws {
        #expect(try store.admin() == nil)
        #expect(try store.putAdmin(name: "boss", passwordHash: "scrypt$1"))
        #expect(try store.admin() == "boss")
        try addKey(of: "boss")
        #expect(try database.sql("SELECT role, password_hash FROM app_user") == [["admin", "scrypt$1"]])
        #expect(try store.putAdmin(name: "boss", passwordHash: "scrypt$2"))
        #expect(try database.value("SELECT password_hash FROM app_user") == "scrypt$2")
    }

    @Test func aClientDoesNotBecomeAnAdministrator() throws {
        try addKey(of: "admin")
        #expect(try !store.putAdmin(name: "admin", passwordHash: "scrypt$1"))
        #expect(try database.sql("SELECT role, password_hash FROM app_user") == [["client", nil]])
    }

    @Test func aKeyAndItsUserAreMadeTogetherOrNotAtAll() throws {
        try addKey(of: "owner")
        #expect(try database.value("SELECT quota_cap_micros FROM api_key") == "5000000000")
        #expect(throws: KinoraError.self) {
            try addKey(of: "another", name: String(repeating: "n", count: 129))
        }
        #expect(try database.sql("SELECT name FROM app_user") == [["owner"]])
    }

    @Test func aKeyIsRevokedOnceAndItsSecretIsNowhere() throws {
        let key = APIKey.random()
        try store.addKey(
            key, user: "owner", name: "n", models: ["a", "b,c"], expiresInDays: 3, createdStatus: 200,
            contentMode: .serve)
        #expect(try store.activeKeys() == 1)
        #expect(try store.keys().first?.caller.options.models == ["a", "b,c"])
        let row = try database.value("SELECT to_jsonb(k)::text FROM api_key k")
        #expect(row?.contains(key.secret.revealed()) == false)
        #expect(try database.value("SELECT expires_at - created_at FROM api_key") == "3 days")
        #expect(try store.revokeKey(publicID: key.publicID))
        #expect(try store.revokeKey(publicID: key.publicID) == false)
        #expect(try store.activeKeys() == 0)
        #expect(try store.listKeys().first?["state"] == "revoked")
    }

    @Test func everythingAboutATaskIsShownToTheOperator() throws {
        let owner = try database.caller()
        try database.account("one")
        let task = NewTask.sample(owner)
        _ = try store.submit(task)
        let claimed = try #require(try store.claim(worker: 1).first)
        _ = try store.failed(claimed, KinoraError(.upstreamServer, detail: "their words"))
        let shown = try #require(try store.describeTask(TaskReference(task.id)))
        #expect(shown["state"] == "failed" && shown["input"]?["prompt"] == .string(task.prompt))
        #expect(shown["attempts"]?.arrayValue?.first?["error_detail"] == "their words")
        #expect(try store.describeTask(TaskReference(.random())) == nil)
        #expect(try store.listTasks(state: .failed, limit: 9).count == 1)
        #expect(try store.listTasks(state: .queued, limit: 9).isEmpty)
        let account = try #require(try store.listAccounts().first)
        #expect(account["slots_taken"] == 0 && account["name"] == "one")
    }
}
