import Core
import Testing

@testable import Engine

@Suite struct VaultTests {
    private static func vault(_ byte: UInt8 = 7) throws -> Vault {
        try Vault(masterKey: [UInt8](repeating: byte, count: 32))
    }

    private static func seal(_ text: String) throws -> [UInt8] {
        try vault().seal(Secret(text), table: "account", row: 3, column: "credential_sealed")
    }

    @Test(arguments: ["", "sk-live", "Grüße 世界", String(repeating: "x", count: 10_000)])
    func whatIsSealedOpens(_ text: String) throws {
        let sealed = try Self.seal(text)
        let opened = try Self.vault().open(sealed, table: "account", row: 3, column: "credential_sealed")
        #expect(opened.revealed() == text)
    }

    @Test func theSealedFormHidesTheText() throws {
        let sealed = try Self.seal("sk-a-very-plain-credential")
        #expect(!String(decoding: sealed, as: UTF8.self).contains("plain"))
        // A nonce of its own each time: equal secrets do not look equal.
        #expect(try Self.seal("same") != Self.seal("same"))
    }

    @Test(
        arguments: [
            ("account", 4, "credential_sealed"), ("app_user", 3, "credential_sealed"),
            ("account", 3, "proxy_sealed"),
            ("account/3", 3, "credential_sealed"),
        ] as [(String, Int64, String)])
    func aValueMovedElsewhereDoesNotOpen(_ table: String, _ row: Int64, _ column: String) throws {
        let sealed = try Self.seal("secret")
        let error = #expect(throws: KinoraError.self) {
            try Self.vault().open(sealed, table: table, row: row, column: column)
        }
        #expect(error?.code == .configuration)
    }

    @Test func anAccountsCredentialIsOpenedOnceUntilItIsChanged() throws {
        let credentials = OpenedCredentials()
        var count = 0
        func credential(_ row: Int64, _ sealed: [UInt8], _ secret: String) throws -> String {
            try credentials.credential(of: row, sealed) {
                count += 1
                return Secret(secret)
            }.revealed()
        }
        for _ in 0..<3 { #expect(try credential(1, [1, 2], "first") == "first") }
        #expect(count == 1)
        #expect(try credential(2, [1, 2], "another's") == "another's")
        #expect(try credential(1, [1, 3], "changed") == "changed")
        #expect(count == 3)
        #expect(throws: KinoraError.self) {
            try credentials.credential(of: 1, [9]) { () throws(KinoraError) in
                throw KinoraError(.configuration)
            }
        }
        #expect(try credential(1, [1, 3], "never") == "changed")
        for row in 0..<10_000 { _ = try credential(Int64(row), [7], "\(row)") }
        #expect(try credential(9999, [7], "never") == "9999")
    }

    @Test func anotherMasterKeyDoesNotOpenIt() throws {
        let sealed = try Self.seal("secret")
        let error = #expect(throws: KinoraError.self) {
            try Self.vault(8).open(sealed, table: "account", row: 3, column: "credential_sealed")
        }
        #expect(error?.code == .configuration)
        #expect(error?.debugDescription.contains("secret\"") == false)
    }

    @Test func oneChangedBitAnywhereIsNoticed() throws {
        let sealed = try Self.seal("secret")
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: KinoraError.self, "byte \(index)") {
                try Self.vault().open(changed, table: "account", row: 3, column: "credential_sealed")
            }
        }
        for length in [0, 1, 12, 28, sealed.count - 1] {
            #expect(throws: KinoraError.self, "\(length) bytes") {
                try Self.vault().open(
                    Array(sealed.prefix(length)), table: "account", row: 3, column: "credential_sealed")
            }
        }
    }

    @Test(arguments: [0, 16, 31, 33, 64])
    func aMasterKeyHasThirtyTwoBytes(_ count: Int) {
        #expect(throws: KinoraError.self) { try Vault(masterKey: [UInt8](repeating: 7, count: count)) }
    }

    @Test func aLinksSignatureCoversNameAndTime() throws {
        let vault = try Self.vault()
        let signature = vault.signature(ofMedia: "ab.mp4", expires: 100)
        #expect(vault.isValid(signature, ofMedia: "ab.mp4", expires: 100))
        #expect(!vault.isValid(signature, ofMedia: "ac.mp4", expires: 100))
        #expect(!vault.isValid(signature, ofMedia: "ab.mp4", expires: 1000))
        #expect(!vault.isValid(signature, ofMedia: "ab.mp4\n1", expires: 00))
        for broken in [
            "", "00", String(signature.dropLast()), signature + "00", "zz" + signature.dropFirst(2),
        ] {
            #expect(!vault.isValid(broken, ofMedia: "ab.mp4", expires: 100))
        }
        #expect(!(try Self.vault(8)).isValid(signature, ofMedia: "ab.mp4", expires: 100))
    }
}
