import Core
import Foundation
import TestSupport

/// A site with a bridge: the sandbox's, or one of the test's own.
struct BridgeSite {
    static let key = "bridge-sandbox-site-s3cret"

    let site: Site
    /// Of a user who runs the instance.
    let operatorKey: String
    let all: Program

    fileprivate init(_ site: Site, _ url: String?) throws {
        self.site = site
        let file = "\(site.home)/bridge.key"
        try Data("\(Self.key)\n".utf8).write(to: URL(filePath: file))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        let created = try site.kinora(["key", "create", "--user", "boss", "--json"])
        guard let key = created.json["key"]?.stringValue else { throw Failed(created.errors) }
        operatorKey = key
        try site.database.rows("UPDATE app_user SET role = 'admin' WHERE name = 'boss'")
        all = try site.start("all", url.map { Self.settings(site, $0) } ?? [:])
    }

    static func settings(_ site: Site, _ url: String) -> [String: String] {
        ["KINORA_BRIDGE_URL": url, "KINORA_BRIDGE_KEY_FILE": "\(site.home)/bridge.key"]
    }

    func send(_ call: Call, asOperator: Bool = false) throws -> Reply {
        try site.curl.send(call.key(asOperator ? operatorKey : site.key))
    }
}

func withBridge(_ body: (BridgeSite) throws -> Void) throws {
    try withSite { site in
        try site.startSandbox(taskSeconds: 0.2)
        try body(try BridgeSite(site, "https://localhost:\(site.port + 1)/bridge"))
    }
}

/// A bridge that answers so; without an answer it hangs. Nil: no bridge at all.
func withBridge(
    answering answer: Receiver.Answer?, _ body: (BridgeSite, Receiver) throws -> Void
) throws {
    let receiver = try Receiver()
    defer { receiver.stop() }
    if let answer { receiver.answers(answer) }
    try withSite { site in
        try site.startNginx()
        try body(try BridgeSite(site, answer == nil ? nil : "http://\(receiver.place)"), receiver)
    }
}
