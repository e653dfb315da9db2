import Core
import Glibc
import TestSupport

/// A PostgreSQL server of the test's own, to be stopped and started. It ends with the object.
final class Cluster: Sendable {
    let database: Database
    private let folder: Folder
    private let shell: Child
    private let input: Pipe
    private let output: Pipe

    /// The project's own scripts do the work: they know how to start PostgreSQL when the tests run as root.
    private static let script = """
        set -euo pipefail
        umask 077
        . "$1/script/lib/common.sh"; . "$1/script/lib/postgres.sh"
        kinora_unprivileged
        if ((EUID == 0)); then chown kinora: "$2"; fi
        "${KINORA_AS[@]}" mkdir "$2/sockets"
        kinora_postgres_create "$2/data"
        kinora_postgres_start "$2/data" "$2/sockets" "$2/log"
        kinora_postgres_database "$2/sockets" secret
        kinora_postgres_url "$2/sockets" secret; echo
        trap 'kinora_postgres_stop "$2/data"' EXIT
        while read -r verb; do
            case $verb in
                start) kinora_postgres_start "$2/data" "$2/sockets" "$2/log" ;;
                stop) kinora_postgres_stop "$2/data" ;;
                crash) kill -QUIT "$kinora_postgres_pid"; wait "$kinora_postgres_pid" || true ;;
            esac
            echo done
        done
        """

    init() throws {
        folder = try Folder()
        (input, output) = (try Pipe(), try Pipe())
        shell = try Child(
            ["/bin/bash", "-c", Self.script, "-", Surroundings.repository, folder.path],
            input: input.reading, output: output.writing, errors: STDERR_FILENO)
        input.closeReading()
        output.closeWriting()
        database = Database(connection: Self.line(of: output))
        guard database.connection.hasPrefix("postgresql:") else {
            throw Failed("no cluster; see \(folder.path)/log")
        }
        let environment = [
            "DATABASE_URL": database.connection, "KINORA_SQL_DIR": "\(Surroundings.repository)/sql",
        ]
        let migrated = try run(try Surroundings.binary, ["migrate", "up"], environment: environment)
        guard migrated.status == 0 else { throw Failed("kinora migrate up: \(migrated.errors)") }
    }

    deinit {
        input.closeWriting()
        _ = shell.end(within: patience)
    }

    func stop() throws { try end(.stop) }
    func start() throws { try order("start") }

    /// How it may end. Crash: at once, like a power cut, so that it has to recover when it starts.
    enum End: String, CaseIterable, Sendable { case stop, crash }

    func end(_ how: End) throws { try order(how.rawValue) }

    private func order(_ verb: String) throws {
        let line = "\(verb)\n"
        guard write(input.writing, line, line.utf8.count) == line.utf8.count,
            Self.line(of: output) == "done"
        else {
            throw Failed("PostgreSQL: \(verb) failed")
        }
    }

    private static func line(of pipe: Pipe) -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while read(pipe.reading, &byte, 1) == 1, byte != 0x0A { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
