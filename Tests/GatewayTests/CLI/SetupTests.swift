import Core
import Foundation
import TestSupport
import Testing

/// `kinora setup` and `kinora check`; nothing of the site runs.
extension GatewayTests {
    @Suite(.freshDatabase) struct Setups {
        @Test func aClientsNameIsNoAdministrators() throws {
            try withSite { site in
                #expect(try site.kinora(["user", "create", "admin"]).status == 0)
                expectFailure(
                    try site.kinora(["setup"]),
                    "'admin' is a client: give the administrator another name, `kinora setup --admin NAME`.")
                let made = try site.kinora(["setup", "--admin", "boss", "--json"]).json
                #expect(made["admin_user"] == "boss" && made["admin_password"]?.stringValue != nil)
                #expect(
                    try site.database.rows(
                        "SELECT name, role, password_hash IS NULL FROM app_user ORDER BY name") == [
                            ["admin", "client", "t"], ["boss", "admin", "f"], ["default", "client", "t"],
                        ])
                let again = try site.kinora(["setup", "--json"]).json
                #expect(again["admin_user"] == "boss" && again["admin_password"] == .null)
            }
        }

        /// The file of a master key that is not the site's.
        private func anotherKey(_ site: Site) throws -> [String: String] {
            let path = "\(site.home)/another.key"
            try String(repeating: "ab", count: 32).write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            return ["KINORA_MASTER_KEY_FILE": path]
        }

        private static let sealedByAnother =
            "KINORA_MASTER_KEY_FILE: the master key does not open the credentials of openai/sandbox: another "
            + "one sealed them."

        @Test func accountsOfAnotherMasterKeyAreLeftAlone() throws {
            try withSite { site in
                let sealed = try site.database.rows("SELECT credential_sealed FROM account")
                let setup = ["setup", "--sandbox-url", "https://localhost:\(site.port + 1)", "--json"]
                expectFailure(try site.kinora(setup, try anotherKey(site)), Self.sealedByAnother)
                #expect(try site.database.rows("SELECT credential_sealed FROM account") == sealed)
                #expect(try site.kinora(setup).status == 0)
                #expect(try site.kinora(setup).status == 0)
            }
        }

        @Test func aCheckFindsWhatWouldOnlyShowInUse() throws {
            try withSite { site in
                func faults(_ change: [String: String]) throws -> [String] {
                    let json = try site.kinora(["check", "--json"], change).json
                    return json["faults"]?.arrayValue?.compactMap(\.stringValue) ?? ["no answer"]
                }
                let none = try faults([:])
                #expect(none.isEmpty, "\(none)")
                #expect(try faults(anotherKey(site)) == [Self.sealedByAnother])
                #expect(
                    try faults(["PATH": "/nowhere"])
                        == ["ffprobe", "prlimit"].map {
                            "\($0) is not in PATH: references of sound and film cannot be measured."
                        })
                #expect(
                    try faults(["KINORA_PUBLIC_URL": "not a url"])
                        == ["KINORA_PUBLIC_URL must be an http or https URL, not 'not a url'."])
                #expect(try faults(["KINORA_PUBLIC_URL": "https://kinora.example"]) == [])
                for entry in [
                    "garbage", "10.0.0.1", "10.0.0.1:0x50", "10.0.0.256:80", "[fd00::5]:80",
                    "vendor.example:443", "[2606:4700::1]:8443",
                ] {
                    #expect(
                        try faults(["KINORA_EGRESS_ALLOW": "10.0.0.1:80,\(entry),[::1]:9444"]) == [
                            "KINORA_EGRESS_ALLOW: '\(entry)' is no address and port such as 10.0.0.5:8080 or "
                                + "[fd00:0:0:0:0:0:0:5]:8080."
                        ])
                }
            }
        }
    }
}
