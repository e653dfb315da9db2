import Core
import Foundation
import Glibc
import TestSupport

/// Kinora in processes of the test's own, with sockets, folders and a database of its own: made to be killed,
/// starved and cut off. `withSite` makes one and clears it away.
final class Site: Sendable {
    let folder: Folder
    let database: Database
    /// HTTPS; the sandbox has the next port.
    let port: Int
    /// A client's key.
    let key: String
    private let programs = Box<[Program]>([])
    private let settings: [String: String]

    fileprivate init(_ database: Database, _ more: [String: String]) throws {
        folder = try Folder()
        self.database = database
        port = try Self.freePorts()
        let home = folder.path
        let own = [
            "PATH": "/usr/bin:/bin", "DATABASE_URL": database.patientConnection,
            "KINORA_SOCKET_DIR": "\(home)/s",
            "KINORA_MEDIA_DIR": "\(home)/media", "KINORA_SPOOL_DIR": "\(home)/spool",
            "KINORA_MASTER_KEY_FILE": "\(home)/master.key", "KINORA_CA_BUNDLE": "\(home)/tls/bundle.pem",
            "KINORA_EGRESS_ALLOW": "127.0.0.1:\(port + 1),[::1]:\(port + 1)",
            "KINORA_SQL_DIR": "\(Surroundings.repository)/sql", "KINORA_SANDBOX_DIR": "\(home)/sandbox",
        ]
        settings = own.merging(more) { $1 }
        let prepared = try run(
            "/bin/bash", ["-c", Self.preparation, "-", Surroundings.repository, home, String(port)],
            environment: settings)
        guard prepared.status == 0 else { throw Failed("preparing a site: \(prepared.errors)") }
        let binary = try Surroundings.binary
        let account = ["account", "add", "--vendor", "openai", "--name", "sandbox", "--slots", "64"]
        let added = try run(
            binary, account + ["--base-url", "https://localhost:\(port + 1)/openai/v1"],
            environment: settings,
            input: Array("sk-sandbox-site".utf8))
        guard added.status == 0 else { throw Failed("kinora account add: \(added.errors)") }
        let created = try run(binary, ["key", "create", "--json"], environment: settings)
        guard let key = created.json["key"]?.stringValue else {
            throw Failed("kinora key create: \(created.errors)")
        }
        self.key = key
    }

    /// Folders, a master key, certificates, and the project's own nginx configuration rendered for this home.
    private static let preparation = """
        set -euo pipefail
        umask 077
        . "$1/script/lib/common.sh"; . "$1/script/lib/tls.sh"; . "$1/script/lib/nginx.sh"
        mkdir -p "$2"/{s,media,spool,sandbox,log,run,tmp}
        openssl rand -hex 32 >"$2/master.key"
        kinora_tls_create "$2/tls"
        kinora_nginx_render "$1/nginx" "$2" "$2/s" "$3"
        """

    /// The first of two neighbouring ports that nobody listens on.
    private static func freePorts() throws -> Int {
        func isFree(_ port: Int) -> Bool {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var one: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
        }
        for _ in 0..<100 {
            let port = Int.random(in: 10_000..<15_000) * 2
            if isFree(port), isFree(port + 1) { return port }
        }
        throw Failed("no free ports")
    }

    var home: String { folder.path }
    var fastSocket: String { "\(home)/s/fast.sock" }
    var slowSocket: String { "\(home)/s/slow.sock" }
    var relaySocket: String { "\(home)/s/relay.sock" }
    var sandbox: SandboxControl { SandboxControl(socketPath: "\(home)/s/sandbox.sock") }
    var curl: Curl { Curl(base: "https://localhost:\(port)", authority: "\(home)/tls/ca.pem") }

    /// A client of the fast pool with the site's key.
    var fast: FastCGIClient { client(fastSocket) }
    var slow: FastCGIClient { client(slowSocket) }

    private func client(_ socket: String) -> FastCGIClient {
        var client = FastCGIClient(socketPath: socket)
        client.headers = [("Authorization", "Bearer \(key)")]
        return client
    }

    /// Starts `kinora VERB` and returns when it is ready.
    func start(_ verb: String, _ more: [String: String] = [:]) throws -> Program {
        let program = try launch(verb, more)
        try program.line(containing: "\"started\"")
        return program
    }

    /// Starts `kinora VERB`.
    func launch(_ verb: String, _ more: [String: String] = [:]) throws -> Program {
        let environment = settings.merging(more) { $1 }
        let program = try Program(try Surroundings.binary, [verb], environment: environment)
        programs.change { $0.append(program) }
        return program
    }

    /// Runs a command to its end.
    func kinora(_ arguments: [String], _ more: [String: String] = [:], input: [UInt8] = []) throws -> Finished
    {
        try run(try Surroundings.binary, arguments, environment: settings.merging(more) { $1 }, input: input)
    }

    @discardableResult
    func startNginx() throws -> Program {
        var arguments = ["-p", "\(home)/", "-c", "nginx/nginx.conf", "-e", "log/nginx-error.log"]
        // Root's nginx would give its workers to a user that cannot enter this folder.
        if geteuid() == 0 { arguments += ["-g", "user root;"] }
        let program = try Program("/usr/sbin/nginx", arguments, environment: ["PATH": "/usr/bin:/bin"])
        programs.change { $0.append(program) }
        try waitUntil("nginx answers") { (try? curl.send(.get("/nowhere"))) != nil }
        return program
    }

    /// The sandbox behind nginx. Tasks take `taskSeconds`. Nobody reads accounts' credit by the way: a fault
    /// that a test has armed must strike what the test asks.
    func startSandbox(taskSeconds: Double) throws {
        try database.rows("UPDATE setting SET value = '0' WHERE name = 'credits_refresh_minutes'")
        _ = try start("sandbox")
        try startNginx()
        try sandbox.hurry(taskSeconds: taskSeconds)
    }

    fileprivate func clearAway() {
        for program in programs.value.reversed() { program.signal(SIGTERM) }
        for program in programs.value where program.end(within: patience) == nil { program.kill9() }
    }
}

/// Makes a site on the database of the running test, which has the trait `.freshDatabase`, and clears it
/// away.
func withSite(_ settings: [String: String] = [:], _ body: (Site) throws -> Void) throws {
    try withSite(on: .current, settings, body)
}

/// Makes a site on a migrated database that somebody else sees to.
func withSite(on database: Database, _ settings: [String: String] = [:], _ body: (Site) throws -> Void) throws
{
    let site = try Site(database, settings)
    defer { site.clearAway() }
    try body(site)
}
