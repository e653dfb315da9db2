import Core
import Dialects
import Engine
import FastCGI

extension Responder {
    /// What a call would cost, in the words of its own API.
    func estimate(
        _ call: EnclosedCall, for caller: Caller, _ head: RequestHead
    ) throws(KinoraError) -> Estimate {
        guard let (path, dialect, found) = route(call, head) else { throw Self.hasNoPrice(call) }
        let enclosed = EnclosedRequest(call, in: head, idempotencyKey: "")
        let match = dialect.match(found, as: caller.options)
        let request = Request(
            head: enclosed.head, path: path,
            body: try body(of: enclosed, match.route, into: Spool(directory: intake.spoolDirectory)))
        guard let estimate = try gateway.estimate(try dialect.decode(request, for: match), for: caller) else {
            throw Self.hasNoPrice(call)
        }
        return estimate
    }

    private static func hasNoPrice(_ call: EnclosedCall) -> KinoraError {
        KinoraError(
            .invalidValue, "Nothing with a price is asked for at '\(call.target)' here.", field: "url")
    }
}
