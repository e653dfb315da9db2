import Glibc
import TestSupport

/// curl, talking to nginx. Certificates are checked against the instance's own authority.
struct Curl: Sendable {
    let base: String
    let authority: String
    var options: [String] = []

    func with(_ options: String...) -> Curl {
        var copy = self
        copy.options += options
        return copy
    }

    private func arguments(_ call: Call) -> [String] {
        var arguments = [
            "-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "100", "--cacert", authority,
            "--include", "--path-as-is", "--globoff",
        ]
        arguments += call.method == "HEAD" ? ["--head"] : ["--request", call.method]
        for (name, value) in call.headers { arguments += ["--header", "\(name): \(value)"] }
        if !call.headers.contains(where: { $0.name == "Content-Type" }) {
            arguments += ["--header", "Content-Type:"]
        }
        if !call.body.isEmpty { arguments += ["--data-binary", "@-", "--header", "Expect:"] }
        return arguments + options + [base + call.target]
    }

    func send(_ call: Call) throws -> Reply {
        let finished = try run("/usr/bin/curl", arguments(call), input: call.body)
        guard finished.status == 0, let reply = Self.reply(finished.output) else {
            throw Failed("curl exited with \(finished.status): \(finished.errors)")
        }
        return reply
    }

    /// The exit status of a call that may break off; 52 is an empty answer, 56 a reset connection.
    func status(of call: Call) throws -> Int32 {
        try run("/usr/bin/curl", arguments(call), input: call.body).status
    }

    /// Starts a call whose answer nobody reads. Its body must fit into a pipe.
    func start(_ call: Call) throws -> Child {
        let pipe = try Pipe()
        guard call.body.count <= 4096, write(pipe.writing, call.body, call.body.count) == call.body.count
        else { throw Failed("a pipe does not take \(call.body.count) bytes") }
        pipe.closeWriting()
        return try withExtendedLifetime(pipe) {
            try Child(["/usr/bin/curl"] + arguments(call), input: pipe.reading)
        }
    }

    /// Reads the last head, behind any 1xx ones, and the body.
    private static func reply(_ output: [UInt8]) -> Reply? {
        var rest = output[...]
        while true {
            guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
            var lines = String(decoding: rest[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
            let words = lines.removeFirst().split(separator: " ")
            guard words.count >= 2, let status = Int(words[1]) else { return nil }
            rest = rest[end.upperBound...]
            if (100..<200).contains(status) { continue }
            let headers = lines.map { line in
                let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                return (name: String(halves[0]), value: String(halves.last?.drop { $0 == " " } ?? ""))
            }
            return Reply(status: status, headers: headers, body: Array(rest), version: String(words[0]))
        }
    }
}
