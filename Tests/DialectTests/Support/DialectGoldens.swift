import Core
import Dialects
import TestSupport
import Testing

/// The golden files of one dialect: `decode`, `encode` and `errors` below its folder. A file may hold several
/// cases, divided by rules; what they give stands in the same order, divided by blank lines.
struct DialectGoldens {
    let dialect: any Dialect
    private let router: Router

    init(_ dialect: any Dialect) {
        self.dialect = dialect
        router = Router([dialect], fallback: dialect)
    }

    private func command(_ section: String) throws -> String {
        do {
            let golden = try GoldenRequest(section)
            let path = try RequestPath(target: golden.head.target)
            let (_, match) = try router.route(golden.head.method, path)
            let request = try golden.request(match.route.body)
            let command = try dialect.decode(request, for: match).heeding(golden.head)
            guard let kind = golden.media, case .relay(let chat) = command, let read = chat.asMedia else {
                return CommandText.of(command)
            }
            let streamed = chat.isStreamed ? "streamed\n" : ""
            return streamed + CommandText.of(.submit(try read(kind)))
        } catch let error as KinoraError {
            return CommandText.of(error)
        }
    }

    func checkDecode(_ golden: GoldenCase) throws {
        try check(golden, try golden.sections.map(command).joined(separator: "\n\n"))
    }

    func checkEncode(_ golden: GoldenCase) throws {
        let actual = try golden.sections.map { section in
            let golden = try GoldenOutcome(section)
            let exchange = Exchange(
                path: golden.path, options: golden.options, origin: "https://kinora.example")
            return try ResponseText.of(dialect.encode(golden.outcome, for: exchange))
        }
        try check(golden, actual.joined(separator: "\n\n"))
    }

    private func check(_ golden: GoldenCase, _ actual: String) throws {
        let mismatch = try golden.mismatch(with: actual)
        #expect(mismatch == nil, "\(mismatch.map(\.description) ?? "")")
    }

    // Errors: a line for each, with `field`, `retry_after`, `task`, `state`, `route`, `path` and `left`
    // (remaining, limit and reset of an allowance), `value` and `message` (_ for a blank) where they matter.

    private func error(_ line: Substring) throws -> (KinoraError, Exchange) {
        let words = line.split(separator: " ").map(String.init)
        let code = try #require(words.first.flatMap(ErrorCode.init(rawValue:)), "\(line)")
        var values: [String: String] = [:]
        for word in words.dropFirst() {
            let halves = word.split(separator: "=", maxSplits: 1).map(String.init)
            values[halves[0]] = halves[1]
        }
        let left = values["left"]?.split(separator: "/").compactMap { Double($0) }
        let error = KinoraError(
            code, values["message"]?.replacing("_", with: " "), field: values["field"],
            value: values["value"],
            retryAfterSeconds: values["retry_after"].flatMap(Int.init),
            detail: "VENDOR WORDS", taskID: values["task"],
            state: values["state"].flatMap(TaskState.init(rawValue:)),
            allowance: left.map {
                Allowance(requestsMax: Int($0[1]), remaining: Int($0[0]), resetSeconds: $0[2])
            })
        var exchange = Exchange()
        if let route = values["route"] {
            exchange.match = try router.route(.get, RequestPath(target: route)).match
        }
        if let path = values["path"] { exchange.path = try RequestPath(target: path) }
        return (error, exchange)
    }

    private func show(_ line: Substring) throws -> String {
        let (error, exchange) = try error(line)
        let response = dialect.encode(error, for: exchange)
        let body = String(decoding: response.body, as: UTF8.self)
        #expect(!body.contains("VENDOR WORDS"))
        #expect(response.headers.contains { $0.name == "Cache-Control" && $0.value == "no-store" })
        let headers = response.headers.filter { !["Content-Type", "Cache-Control"].contains($0.name) }
            .map { " \($0.name): \($0.value)" }
        return "\(line)\n  \(response.status)\(headers.joined())\n  \(body)"
    }

    func checkErrors(_ golden: GoldenCase) throws {
        try check(golden, try golden.input.split(separator: "\n").map(show).joined(separator: "\n"))
    }

    /// The codes that golden files show.
    func errorCodes(in folder: String) throws -> Set<ErrorCode> {
        let lines = try Golden.cases(in: folder).flatMap { $0.input.split(separator: "\n") }
        return try Set(lines.map { try error($0).0.code })
    }
}
