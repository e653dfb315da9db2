import Foundation

/// What script/test tells these tests: where the binary is, which instance runs, which database server may be
/// used.
enum Surroundings {
    struct Missing: Error, CustomStringConvertible {
        let name: String
        var description: String {
            "\(name) is not set. These tests need a running instance: run script/test."
        }
    }

    static func value(_ name: String) throws -> String {
        guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
            throw Missing(name: name)
        }
        return value
    }

    /// The program under test.
    static var binary: String { get throws { try value("KINORA_TEST_BINARY") } }

    /// The folder of Package.swift.
    static let repository = (0..<4).reduce(URL(filePath: #filePath)) { url, _ in
        url.deletingLastPathComponent()
    }.path
}

/// The instance that script/test has started: nginx, `kinora all`, the sandbox and PostgreSQL.
struct Instance: Sendable {
    /// Everything its `env` file exports.
    let environment: [String: String]

    static func running() throws -> Instance {
        let home = try Surroundings.value("KINORA_TEST_INSTANCE")
        guard let text = try? String(contentsOfFile: "\(home)/env", encoding: .utf8) else {
            throw Surroundings.Missing(name: "\(home)/env cannot be read; KINORA_TEST_INSTANCE")
        }
        var environment: [String: String] = [:]
        for match in text.matches(of: /(?m)^export ([A-Z_]+)='([^']*)'$/) {
            environment[String(match.1)] = String(match.2)
        }
        return Instance(environment: environment)
    }

    private func value(_ name: String) -> String { environment[name] ?? "" }

    var home: String { value("KINORA_HOME") }
    var url: String { value("KINORA_URL") }
    var authority: String { value("KINORA_CA") }
    var key: String { value("KINORA_API_KEY") }
    var databaseURL: String { value("DATABASE_URL") }
    var fastSocket: String { value("KINORA_SOCKET_DIR") + "/fast.sock" }
    var slowSocket: String { value("KINORA_SOCKET_DIR") + "/slow.sock" }
    var sandboxSocket: String { value("KINORA_SOCKET_DIR") + "/sandbox.sock" }
    var sandbox: SandboxControl { SandboxControl(socketPath: sandboxSocket) }
    var curl: Curl { Curl(base: url, authority: authority) }
}
