import Core
import Dialects
import Engine
import FastCGI

/// Answers requests: the whole of one stands in `respond`.
final class Responder: Handler {
    /// Short calls, or calls that may take their time: threads of their own, so that the ones never starve
    /// the others.
    enum Pool: Sendable { case fast, slow }

    private let pool: Pool
    private let router: Router
    private let gateway: Gateway
    private let intake: Intake
    private let readiness: Readiness
    private let journal: Journal

    init(
        pool: Pool, router: Router, gateway: Gateway, intake: Intake, readiness: Readiness, journal: Journal
    ) {
        self.pool = pool
        self.router = router
        self.gateway = gateway
        self.intake = intake
        self.readiness = readiness
        self.journal = journal
    }

    func handle(_ connection: Connection) {
        if let probe = readiness.answer(to: connection.head.target, gateway) {
            connection.send(probe)
        } else if let response = respond(to: connection) {
            connection.send(response)
        }
    }

    /// Nil when the client is gone and nobody listens.
    func respond(to connection: some Incoming) -> Response? {
        let began = ContinuousClock.now
        var course = RequestCourse()
        let response = answer(connection, &course)
        // Half a request is none: whoever gets it next says what came of it.
        let isHandedOn = response?.internalFile == Self.slow
        if !isHandedOn, journal.keeps(connection.head.method, hasFailed: course.error != nil) {
            journal.note(RequestRecord(connection.head, course, response, began: began))
        }
        return response
    }

    // swift-format-ignore
    private func answer(_ connection: some Incoming, _ course: inout RequestCourse) -> Response? {
        let head = connection.head
        var exchange = Exchange(method: head.method)
        var dialect = router.fallback
        do throws(KinoraError) {
            let path = try RequestPath(target: head.target)
            exchange.path = path
            let (speaking, match) = try router.route(head.method, path)                    // 1 which tongue
            dialect = speaking
            exchange.match = match
            course.note(speaking, match.route)
            let caller = match.route.access == .open ? nil : try gateway.caller(of: head)  // 2 who
            exchange.options = caller?.options ?? KeyOptions()
            course.caller = caller
            let spool = Spool(directory: intake.spoolDirectory)
            let body = match.route.body == .none ? .none : try intake.body(of: connection, into: spool)
            let request = Request(head: head, path: path, body: body)
            let command = try dialect.decode(request, for: match)                          // 3 what
            course.note(command)
            let outcome = try perform(command, for: caller, connection)                    // 4 do it
            if journal.keeps(head.method, hasFailed: false) { course.note(outcome) }
            if case .needsPatience = outcome { return Self.handingOn }
            return dialect.encode(outcome, for: exchange)                                  // 5 say it
        } catch {
            course.error = error
            guard error.code != .clientGone else { return nil }
            report(error, head, exchange)
            let response = dialect.encode(error, for: exchange)
            guard error.code == .methodNotAllowed, let path = exchange.path else { return response }
            return response.adding("Allow", router.methods(of: path).map(\.rawValue).joined(separator: ", "))
        }
    }

    /// nginx's place that gives the same request, body included, to a thread that may take its time.
    private static let slow = "@slow"

    private static var handingOn: Response {
        var response = Response(status: 200)
        response.internalFile = slow
        return response
    }

    private func perform(
        _ command: Command, for caller: Caller?, _ connection: some Incoming
    ) throws(KinoraError) -> Outcome {
        guard let caller else { return try gateway.perform(command) }
        let patience = Gateway.Patience(mayWait: pool == .slow) { !connection.isClientGone }
        return try gateway.perform(command, for: caller, patience)
    }

    private func report(_ error: KinoraError, _ head: RequestHead, _ exchange: Exchange) {
        // The path only: a query may hold a signature. And no vendor's token.
        var segments = exchange.path?.segments ?? []
        if segments.count > 1, segments[0] == "callback" { segments[1...] = ["***"] }
        let path = segments.joined(separator: "/")
        journal.emit(
            .requestFailed(
                error, requestID: head.requestID, method: head.method?.rawValue ?? "", path: "/" + path))
    }
}
