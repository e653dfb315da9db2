import ArgumentParser
import Core
import Glibc
import Store

/// A verb. An error becomes one clear line and an exit code: 1 for a failure, 64 (ArgumentParser's) for wrong
/// usage.
protocol KinoraCommand: ParsableCommand {
    func perform() throws(KinoraError)
}

extension KinoraCommand {
    func run() throws {
        Termination.unblock()
        do throws(KinoraError) { try perform() } catch {
            let detail = error.detail.isEmpty ? "" : " (\(error.detail.plain))"
            writeError("kinora: \(error.message)\(detail)\n")
            throw ExitCode(1)
        }
    }

    func openStore() throws(KinoraError) -> Store { Store(try Configuration.current().validated().database) }
}

func writeError(_ text: String) { write(text, to: 2) }

func writeLine(_ text: String) { write(text + "\n", to: 1) }

/// False when nobody reads any more.
func offerLine(_ text: String) -> Bool { write(text + "\n", to: 1) }

/// All of it, unless the reader has gone (`kinora task list | head`).
@discardableResult
private func write(_ text: String, to descriptor: Int32) -> Bool {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress!, $0.count) }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
    }
    return true
}

/// How results are shown.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print JSON instead of a table.")
    var json = false

    func show(_ rows: [JSONObject]) {
        if json {
            writeLine(JSON.array(rows.map(JSON.object)).text)
        } else {
            writeLine(rows.isEmpty ? "(none)" : Table.text(rows))
        }
    }
}
