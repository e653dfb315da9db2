import Core
import Crypto
import Store
import TestSupport
import Testing
import Upstream

@testable import Engine

/// A vendor's callback moves the next poll forward. It can do nothing else, and nobody else can do it.
@Suite(.freshDatabase) struct CallbackTests {
    let stage: Stage

    init() throws { stage = try Stage() }

    /// A task that waits at its vendor for an hour, with nobody at work.
    private func resting() throws -> TaskID {
        let isPending = ScriptedVendor.Answer.json(200, ["status": "in_progress", "progress": 5])
        stage.vendor.script { $0.step == .poll ? isPending : nil }
        let worker = try stage.worker()
        let task = try stage.submit()
        #expect(stage.vendor.waits(for: .poll))
        _ = worker.drain(within: .seconds(2))
        #expect(try stage.database.value("SELECT phase FROM task") == "waiting")
        try rest()
        return task.id
    }

    private func rest() throws {
        try stage.database.sql("UPDATE task SET due_at = now() + interval '1 hour', worker_id = NULL")
    }

    private func isDue() throws -> Bool {
        try stage.database.value("SELECT due_at <= now() FROM task") == "t"
    }

    private func call(_ token: String, _ headers: [String: String] = [:]) throws(KinoraError) {
        let callback = VendorCallback(token: token, target: "/callback/\(token)", headers: headers)
        guard case .noted = try stage.gateway.perform(.vendorCallback(callback)) else {
            throw KinoraError(.internalFault, detail: "not noted")
        }
    }

    @Test func aCallbackHasTheTaskPolledAtOnce() throws {
        let id = try resting()
        stage.vendor.script { _ in nil }
        _ = try stage.worker()
        let polls = stage.vendor.calls(.poll).count
        try call(stage.vault.callbackToken(of: id, attempt: 1))
        #expect(stage.events.end(of: id)?.state == .succeeded)
        #expect(stage.vendor.calls(.poll).count == polls + 1)
    }

    /// A worker that holds it till its next look, in an hour, polls it now; so would any other.
    @Test func aCallbackHasATaskThatRestsAtItsWorkerPolledAtOnce() throws {
        stage.vendor.script { call in
            call.step == .poll && call.nth == 1 ? .json(200, ["status": "in_progress"]) : nil
        }
        try stage.database.sql("UPDATE route SET usual_seconds = 100000")
        _ = try stage.worker()
        let task = try stage.submit()
        #expect(try eventually { try stage.resting() == 1 })
        try stage.hurry()
        #expect(stage.vendor.waits(for: .poll))
        #expect(try eventually { try stage.resting() == 1 })
        try call(stage.vault.callbackToken(of: task.id, attempt: 1))
        #expect(stage.events.end(of: task.id)?.state == .succeeded)
        #expect(stage.vendor.calls(.poll).count == 2)
    }

    /// The vendor's own word is what counts: a callback before the end ends nothing.
    @Test func aCallbackIsNotBelieved() throws {
        let id = try resting()
        let polls = stage.vendor.calls(.poll).count
        _ = try stage.worker()
        try call(stage.vault.callbackToken(of: id, attempt: 1))
        #expect(stage.vendor.waits(for: .poll, times: polls + 1))
        #expect(try stage.task(id)?.state == .running)
    }

    @Test func aForgedTokenIsRefusedAndChangesNothing() throws {
        let id = try resting()
        let token = stage.vault.callbackToken(of: id, attempt: 1)
        let code = token.split(separator: ".")[2]
        let other = try Vault(masterKey: [UInt8](repeating: 8, count: 32))
        let changed = token.last == "0" ? "1" : "0"
        for forged in [
            "", ".", "..", "\(id)", "\(id).1", "\(id).1.", "\(id).2.\(code)", "\(id).01.\(code)",
            "\(TaskID.random()).1.\(code)", token.dropLast() + changed, token + ".", token + "00",
            String(token.dropLast(2)), other.callbackToken(of: id, attempt: 1), token.uppercased(),
            String(repeating: "a", count: 5000), "\(id).1.\(String(repeating: "0", count: 64))",
        ] {
            let error = #expect(throws: KinoraError.self, "\(forged)") { try call(forged) }
            #expect(error == KinoraError(.routeNotFound), "\(forged)")
        }
        #expect(try !isDue())
        try call(token)
        #expect(try isDue())
    }

    /// The account's own key signs: nobody else's word is heeded, though he may know the token.
    @Test func whereTheVendorSignsOnlyItsSignatureCounts() throws {
        let id = try resting()
        try stage.database.sql("UPDATE account SET vendor = 'vidu'")
        let token = stage.vault.callbackToken(of: id, attempt: 1)
        func signed(_ path: String, by credential: String) -> [String: String] {
            let date = "Tue, 06 May 2025 12:09:42 GMT"
            let text = "POST\n\(path)\n\nvidu\n\(date)\nDate:\(date)\nx-request-nonce:n-1\n"
            let key = SymmetricKey(data: Array(credential.utf8))
            let code = HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
            return [
                "date": date, "x-request-nonce": "n-1", "x-hmac-algorithm": "hmac-sha256",
                "x-hmac-signed-headers": "Date;x-request-nonce",
                "x-hmac-signature": Base64.encode(Array(code)),
            ]
        }
        let path = "/callback/\(token)"
        let genuine = signed(path, by: Stage.credential("account 1"))
        var tampered = genuine
        tampered["x-request-nonce"] = "n-2"
        for headers in [
            [:], tampered, signed(path, by: "sk-another"),
            signed("/callback/x", by: Stage.credential("account 1")),
        ] {
            let error = #expect(throws: KinoraError.self) { try call(token, headers) }
            #expect(error?.code == .invalidSignature)
        }
        #expect(try !isDue())
        try call(token, genuine)
        #expect(try isDue())
    }

    @Test func aTokenOfATaskThatIsNoMoreIsAnsweredAsAnyOther() throws {
        try call(stage.vault.callbackToken(of: .random(), attempt: 1))
    }

    @Test func aRepeatedCallbackDoesNothing() throws {
        let id = try resting()
        #expect(try stage.store.hint(id, attempt: 1))
        #expect(try isDue())
        #expect(try !stage.store.hint(id, attempt: 1), "it is due already")
        try rest()
        try stage.database.sql("UPDATE attempt SET hinted_at = now() + interval '1 minute'")
        #expect(try !stage.store.hint(id, attempt: 1), "once a second")
        #expect(try !isDue())
        try stage.database.sql("UPDATE attempt SET hinted_at = now() - interval '1 s'")
        #expect(try stage.store.hint(id, attempt: 1))
    }

    @Test func manyAtOnceCountAsOne() throws {
        let id = try resting()
        let heeded = Happening<Bool>()
        let store = stage.store
        try concurrently(8) { _ in heeded.note(try store.hint(id, attempt: 1)) }
        #expect(heeded.all.count { $0 } == 1)
    }

    @Test(arguments: [
        "UPDATE task SET phase = 'submitting'",
        "UPDATE task SET state = 'storing', phase = NULL", "UPDATE task SET attempt = 2",
        "UPDATE task SET state = 'queued', phase = NULL",
        "UPDATE task SET state = 'cancelled', phase = NULL, due_at = NULL, finished_at = now()",
    ])
    func aTaskThatDoesNotWaitAtItsVendorIsLeftAlone(_ change: String) throws {
        let id = try resting()
        try stage.database.sql(change)
        let before = try stage.database.sql("SELECT to_jsonb(task) FROM task")
        #expect(try !stage.store.hint(id, attempt: 1))
        #expect(try stage.database.sql("SELECT to_jsonb(task) FROM task") == before)
        #expect(try stage.database.value("SELECT hinted_at FROM attempt") == nil)
    }

    @Test func aVendorIsToldWhereToCallOnlyWhereThatIsReachable() throws {
        try stage.submit()
        for base in [nil, "https://kinora.example"] {
            let worker = try stage.worker(callsMax: 0, publicBase: base)
            // Not the running one's: that gives back what it does not know.
            let silent = try stage.store.registerWorker(host: "test", processID: 1)
            let task = try #require(try stage.store.claim(worker: silent).first)
            let url = worker.job(for: task).callbackURL
            #expect((url == nil) == (base == nil))
            if let url {
                let start = "https://kinora.example/callback/"
                #expect(url.hasPrefix(start))
                let meant = try #require(stage.vault.attempt(ofCallback: String(url.dropFirst(start.count))))
                #expect(meant.task == task.id)
                #expect(meant.attempt == task.attempt)
            }
            try stage.database.sql(
                "UPDATE task SET state = 'queued', phase = NULL, worker_id = NULL, due_at = now()")
        }
    }
}
