import Core
import Dialects
import Engine
import FastCGI

/// Answers requests: the whole of one stands in `respond`.
final class Responder: Handler {
    /// Short calls, calls that may take their time, or calls that a text model answers: threads of their own,
    /// so that the ones never starve the others.
    enum Pool: Sendable { case fast, slow, relay }

    private let pool: Pool
    let router: Router
    let gateway: Gateway
    let intake: Intake
    private let readiness: Readiness
    private let journal: Journal
    /// Where clients reach this instance, without a trailing slash; nil: where they say they do.
    private let origin: String?

    init(
        pool: Pool, router: Router, gateway: Gateway, intake: Intake, readiness: Readiness, journal: Journal,
        origin: String?
    ) {
        self.pool = pool
        self.router = router
        self.gateway = gateway
        self.intake = intake
        self.readiness = readiness
        self.journal = journal
        self.origin = origin
    }

    func handle(_ connection: Connection) {
        if let probe = readiness.answer(to: connection.head.target, gateway) {
            connection.send(probe)
            return
        }
        if connection.head.asksAdmission {
            connection.send(admission(of: connection.head))
            return
        }
        var answer = Answer(to: connection.head)
        answer.response = respond(to: connection, &answer)
        guard let response = answer.response, let stream = response.stream, answer.head.method != .head else {
            answer.response?.stream?.abandon()
            note(answer)
            if let response = answer.response { connection.send(response) }
            return
        }
        carry(stream, after: response, on: connection, &answer)
        note(answer)
    }

    /// Without any wire, and without what follows a head as a stream. Nil when the client is gone and nobody
    /// listens.
    func respond(to connection: some Incoming) -> Response? {
        var answer = Answer(to: connection.head)
        answer.response = respond(to: connection, &answer)
        note(answer)
        return answer.response
    }

    func note(_ answer: Answer) {
        // Half a request is none: whoever gets it next says what came of it.
        guard answer.response?.internalFile != Self.slow else { return }
        if journal.keeps(answer.head.method, hasFailed: answer.course.error != nil) {
            journal.note(
                RequestRecord(
                    answer.head, answer.course, answer.response, streamed: answer.streamedBytes,
                    began: answer.began))
        }
    }

    // swift-format-ignore
    private func respond(to connection: some Incoming, _ answer: inout Answer) -> Response? {
        let head = connection.head
        answer.exchange.origin = origin ?? head.origin
        var dialect = router.fallback
        do throws(KinoraError) {
            let path = try RequestPath(target: head.target)
            answer.exchange.path = path
            let host = head.hostDialect
            let (speaking, found) = try router.route(head.method, path, at: host)          // 1 which tongue
            dialect = speaking
            answer.exchange.match = found
            answer.course.note(speaking, found.route)
            let caller = found.route.access == .open ? nil : try gateway.caller(of: head)  // 2 who
            answer.exchange.options = caller?.options ?? KeyOptions()
            answer.course.caller = caller
            let match = speaking.match(found, as: answer.exchange.options)
            let spool = Spool(directory: intake.spoolDirectory)
            let body = try self.body(of: connection, match.route, into: spool)
            let request = Request(head: head, path: path, body: body)
            let command = try dialect.decode(request, for: match).heeding(head)            // 3 what
            answer.course.note(command)
            let outcome = try perform(command, for: caller, connection)                    // 4 do it
            if journal.keeps(head.method, hasFailed: false) { answer.course.note(outcome) }
            if case .needsPatience = outcome { return Self.handingOn }
            return dialect.encode(outcome, for: answer.exchange).unlessKnown(to: head)     // 5 say it
        } catch {
            answer.course.error = error
            if answer.exchange.match == nil, let path = answer.exchange.path ?? Self.plainPath(of: head) {
                answer.exchange.path = path
                dialect = router.speaker(of: path, at: head.hostDialect)
            }
            guard error.code != .clientGone else { return nil }
            report(error, head, answer.exchange)
            let response = dialect.encode(error, for: answer.exchange)
            guard error.code == .methodNotAllowed, let path = answer.exchange.path else { return response }
            let methods = router.methods(of: path, at: head.hostDialect)
            return response.adding("Allow", methods.map(\.rawValue).joined(separator: ", "))
        }
    }

    /// A query that cannot be read does not hide whose address it is.
    static func plainPath(of head: RequestHead) -> RequestPath? {
        try? RequestPath(target: String(head.target.prefix { $0 != "?" }))
    }

    /// nginx's place that gives the same request, body included, to a thread that may take its time.
    private static let slow = "@slow"

    private static var handingOn: Response {
        var response = Response(status: 200)
        response.internalFile = slow
        return response
    }

    func body(
        of connection: some Incoming, _ route: Route, into spool: Spool
    ) throws(KinoraError) -> RequestBody {
        switch route.body {
        case .none: .none
        case .jsonOrForm: try intake.body(of: connection, into: spool)
        case .rawJSON: try intake.rawJSON(of: connection)
        case .lines: try intake.lines(of: connection)
        }
    }

    private func perform(
        _ command: Command, for caller: Caller?, _ connection: some Incoming
    ) throws(KinoraError) -> Outcome {
        guard let caller else { return try gateway.perform(command) }
        switch command {
        case .batch(let batch):
            return pool == .fast ? .needsPatience : .batch(perform(batch, under: connection.head))
        case .estimate(let call): return .estimate(try estimate(call, for: caller, connection.head))
        default: break
        }
        let patience = Gateway.Patience(
            mayWait: pool != .fast, isThreadScarce: pool != .relay, hangUp: connection.hangUp
        ) {
            !connection.isClientGone
        }
        return try gateway.perform(command, for: caller, patience)
    }

    func report(_ error: KinoraError, _ head: RequestHead, _ exchange: Exchange) {
        // The path only: a query may hold a signature. And no vendor's token.
        var segments = exchange.path?.segments ?? []
        if segments.count > 1, segments[0] == "callback" { segments[1...] = ["***"] }
        let path = segments.joined(separator: "/")
        journal.emit(
            .requestFailed(
                error, requestID: head.requestID, method: head.method?.rawValue ?? "", path: "/" + path))
    }
}
