import Core
import Engine
import Glibc

/// Everything that can be set from outside, read once from the environment. `kinora check` prints it.
struct Configuration {
    /// PostgreSQL, as a libpq URL or keyword string. `DATABASE_URL`, required.
    var databaseURL = Secret("")
    /// Role that sessions change to after logging in. `KINORA_DATABASE_ROLE`, default `kinora_app`; empty:
    /// none.
    var databaseRole = "kinora_app"
    /// Most database sessions of a process. `KINORA_DATABASE_CONNECTIONS_MAX`, default 16.
    var databaseConnectionsMax = 16
    /// Folder of the sockets fast.sock, slow.sock, relay.sock and sandbox.sock. `KINORA_SOCKET_DIR`, default
    /// `.run/sockets`.
    var socketDirectory = ".run/sockets"
    /// Finished media and references. `KINORA_MEDIA_DIR`, default `.run/media`.
    var mediaDirectory = ".run/media"
    /// Unfinished files; must be on the file system of the media. `KINORA_SPOOL_DIR`, default `.run/spool`.
    var spoolDirectory = ".run/spool"
    /// 64 hex digits that seal the accounts' credentials; mode 0600. `KINORA_MASTER_KEY_FILE`.
    var masterKeyPath = ".run/master.key"
    /// S3-compatible store for finished media and references, `https://host:port`; empty: they stay on disk.
    /// `KINORA_S3_ENDPOINT`.
    var s3Endpoint = ""
    /// The bucket, which Kinora does not make. `KINORA_S3_BUCKET`.
    var s3Bucket = ""
    /// Its region, as far as the store has any. `KINORA_S3_REGION`, default `us-east-1`.
    var s3Region = "us-east-1"
    /// How requests name the bucket: `path` or `host`. `KINORA_S3_ADDRESSING`, default `path`.
    var s3Addressing = Bucket.Addressing.path
    /// Access key and secret key, a line each; mode 0600. `KINORA_S3_KEY_FILE`.
    var s3KeyPath = ""
    /// Certificates to trust when calling vendors or a bucket, PEM; empty: the system's. `KINORA_CA_BUNDLE`.
    var caBundlePath = ""
    /// Private endpoints, and such of this machine's own addresses, that calls to vendors and receivers may
    /// reach all the same, `address:port`, comma separated. `KINORA_EGRESS_ALLOW`.
    var egressAllow: [String] = []
    /// The same for what clients name, public ones at other ports than 80 and 443 too: any of them may then
    /// read there what is a picture, a film or a sound. `KINORA_REFERENCE_ALLOW`.
    var referenceAllow: [String] = []
    /// The operator's bridge (docs/bridge.md), https or on this machine; empty: none. `KINORA_BRIDGE_URL`.
    var bridgeURL = ""
    /// The key that the bridge wants; mode 0600. `KINORA_BRIDGE_KEY_FILE`.
    var bridgeKeyPath = ""
    /// Where clients and vendors reach this instance, for links that clients get; vendors call back only at
    /// https. `KINORA_PUBLIC_URL`, default: the name that the client has used.
    var publicURL = ""
    /// Threads for short calls. `KINORA_FAST_THREADS`, default 16.
    var fastThreads = 16
    /// Threads for calls that wait, stream or upload. `KINORA_SLOW_THREADS`, default 64.
    var slowThreads = 64
    /// Most threads for calls that a text model answers: so many answers at once. `KINORA_RELAY_THREADS`,
    /// default 1100.
    var relayThreads = 1100
    /// Calls to vendors under way at once. `KINORA_CALLS_MAX`, default 1000.
    var callsMax = 1000
    /// Whether wake-ups are sent by NOTIFY; polling does it all the same. `KINORA_NOTIFY`, default true.
    var isNotifying = true
    /// trace, debug, info, notice, warning, error. `KINORA_LOG_LEVEL`, default info.
    var logLevel = "info"
    /// Folder of migrations and roles.sql. `KINORA_SQL_DIR`, default `sql`.
    var sqlDirectory = "sql"
    /// Where the sandbox keeps rendered files. `KINORA_SANDBOX_DIR`, default `.run/sandbox`.
    var sandboxDirectory = ".run/sandbox"
    /// Least seconds a sandbox task takes. `KINORA_SANDBOX_TASK_SECONDS`, default 3.
    var sandboxTaskSeconds = 3

    /// Values that could not be read, one line each.
    private(set) var faults: [String] = []

    init(environment: [String: String]) {
        var reader = Reader(environment: environment)
        databaseURL = Secret(reader.text("DATABASE_URL", ""))
        databaseRole = reader.text("KINORA_DATABASE_ROLE", databaseRole)
        databaseConnectionsMax = reader.number(
            "KINORA_DATABASE_CONNECTIONS_MAX", databaseConnectionsMax, 2...1000)
        socketDirectory = reader.text("KINORA_SOCKET_DIR", socketDirectory)
        mediaDirectory = reader.text("KINORA_MEDIA_DIR", mediaDirectory)
        spoolDirectory = reader.text("KINORA_SPOOL_DIR", spoolDirectory)
        masterKeyPath = reader.text("KINORA_MASTER_KEY_FILE", masterKeyPath)
        s3Endpoint = reader.text("KINORA_S3_ENDPOINT", s3Endpoint)
        s3Bucket = reader.text("KINORA_S3_BUCKET", s3Bucket)
        s3Region = reader.text("KINORA_S3_REGION", s3Region)
        let addressing = reader.word(
            "KINORA_S3_ADDRESSING", s3Addressing.rawValue, Bucket.Addressing.allCases.map(\.rawValue))
        s3Addressing = Bucket.Addressing(rawValue: addressing) ?? s3Addressing
        s3KeyPath = reader.text("KINORA_S3_KEY_FILE", s3KeyPath)
        caBundlePath = reader.text("KINORA_CA_BUNDLE", caBundlePath)
        egressAllow = reader.list("KINORA_EGRESS_ALLOW")
        referenceAllow = reader.list("KINORA_REFERENCE_ALLOW")
        bridgeURL = reader.text("KINORA_BRIDGE_URL", bridgeURL)
        bridgeKeyPath = reader.text("KINORA_BRIDGE_KEY_FILE", bridgeKeyPath)
        publicURL = reader.text("KINORA_PUBLIC_URL", "")
        fastThreads = reader.number("KINORA_FAST_THREADS", fastThreads, 1...1000)
        slowThreads = reader.number("KINORA_SLOW_THREADS", slowThreads, 1...10_000)
        relayThreads = reader.number("KINORA_RELAY_THREADS", relayThreads, 1...20_000)
        callsMax = reader.number("KINORA_CALLS_MAX", callsMax, 1...100_000)
        isNotifying = reader.bool("KINORA_NOTIFY", isNotifying)
        logLevel = reader.word(
            "KINORA_LOG_LEVEL", logLevel, ["trace", "debug", "info", "notice", "warning", "error"])
        sqlDirectory = reader.text("KINORA_SQL_DIR", sqlDirectory)
        sandboxDirectory = reader.text("KINORA_SANDBOX_DIR", sandboxDirectory)
        sandboxTaskSeconds = reader.number("KINORA_SANDBOX_TASK_SECONDS", sandboxTaskSeconds, 0...3600)
        faults = reader.faults
        if databaseURL.isEmpty { faults.append("DATABASE_URL is not set.") }
    }

    static func current() -> Configuration { Configuration(environment: processEnvironment()) }

    /// Names and values, secrets masked, in the order of the struct.
    var printed: [(name: String, value: String)] {
        [
            ("DATABASE_URL", databaseURL.isEmpty ? "" : databaseURL.description),
            ("KINORA_DATABASE_ROLE", databaseRole),
            ("KINORA_DATABASE_CONNECTIONS_MAX", String(databaseConnectionsMax)),
            ("KINORA_SOCKET_DIR", socketDirectory), ("KINORA_MEDIA_DIR", mediaDirectory),
            ("KINORA_SPOOL_DIR", spoolDirectory), ("KINORA_MASTER_KEY_FILE", masterKeyPath),
            ("KINORA_S3_ENDPOINT", s3Endpoint), ("KINORA_S3_BUCKET", s3Bucket),
            ("KINORA_S3_REGION", s3Region), ("KINORA_S3_ADDRESSING", s3Addressing.rawValue),
            ("KINORA_S3_KEY_FILE", s3KeyPath), ("KINORA_CA_BUNDLE", caBundlePath),
            ("KINORA_EGRESS_ALLOW", egressAllow.joined(separator: ",")),
            ("KINORA_REFERENCE_ALLOW", referenceAllow.joined(separator: ",")),
            ("KINORA_BRIDGE_URL", bridgeURL), ("KINORA_BRIDGE_KEY_FILE", bridgeKeyPath),
            ("KINORA_PUBLIC_URL", publicURL),
            ("KINORA_FAST_THREADS", String(fastThreads)), ("KINORA_SLOW_THREADS", String(slowThreads)),
            ("KINORA_RELAY_THREADS", String(relayThreads)),
            ("KINORA_CALLS_MAX", String(callsMax)), ("KINORA_NOTIFY", String(isNotifying)),
            ("KINORA_LOG_LEVEL", logLevel), ("KINORA_SQL_DIR", sqlDirectory),
            ("KINORA_SANDBOX_DIR", sandboxDirectory),
            ("KINORA_SANDBOX_TASK_SECONDS", String(sandboxTaskSeconds)),
        ]
    }

    /// Throws `configuration` with every fault at once.
    func validated() throws(KinoraError) -> Configuration {
        guard faults.isEmpty else { throw KinoraError(.configuration, faults.joined(separator: "\n")) }
        return self
    }
}

/// Reads values and collects what is wrong with them.
private struct Reader {
    let environment: [String: String]
    var faults: [String] = []

    init(environment: [String: String]) { self.environment = environment }

    func text(_ name: String, _ value: String) -> String { environment[name] ?? value }

    /// Commas between, and blanks around what they divide mean nothing.
    func list(_ name: String) -> [String] {
        text(name, "").split(separator: ",").map { String($0).trimmedText }.filter { !$0.isEmpty }
    }

    mutating func number(_ name: String, _ value: Int, _ range: ClosedRange<Int>) -> Int {
        guard let text = environment[name] else { return value }
        if let number = Int(text), range.contains(number) { return number }
        faults.append(
            "\(name) must be a number from \(range.lowerBound) to \(range.upperBound), not '\(text)'.")
        return value
    }

    mutating func bool(_ name: String, _ value: Bool) -> Bool {
        word(name, value ? "true" : "false", ["true", "false"]) == "true"
    }

    mutating func word(_ name: String, _ value: String, _ allowed: [String]) -> String {
        guard let text = environment[name] else { return value }
        if allowed.contains(text) { return text }
        faults.append("\(name) must be one of \(allowed.joined(separator: ", ")), not '\(text)'.")
        return value
    }
}

/// The process's environment.
func processEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
        let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if pair.count == 2 { result[String(pair[0])] = String(pair[1]) }
        entry += 1
    }
    return result
}
