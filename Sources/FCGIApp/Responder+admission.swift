import Core
import Dialects
import Engine

extension Responder {
    /// Whether a body that may be long may come: 204 for who has a key, whatever else is wrong with the
    /// request. Else the refusal of the key in the words of the API, 401 or 403; its body stands in a header,
    /// from which nginx hands it on (nginx/parts/location/admission.conf). From memory alone.
    func admission(of head: RequestHead) -> Response {
        do throws(KinoraError) {
            _ = try gateway.caller(of: head)
            // Not noted: the request itself follows.
            return Response(status: 204)
        } catch {
            let refusal = refuse(head, error)
            return Response(status: refusal.status, headers: refusal.headers)
                .adding("KN-Refusal", String(decoding: refusal.body, as: UTF8.self))
        }
    }

    /// What a short body would be answered; this is the only time that the application hears of the request.
    private func refuse(_ head: RequestHead, _ error: KinoraError) -> Response {
        var answer = Answer(to: head)
        answer.course.error = error
        var dialect = router.fallback
        if let path = Self.plainPath(of: head) {
            answer.exchange.path = path
            if let (speaking, match) = try? router.route(head.method, path, at: head.hostDialect) {
                dialect = speaking
                answer.exchange.match = match
                answer.course.note(speaking, match.route)
            } else {
                dialect = router.speaker(of: path, at: head.hostDialect)
            }
        }
        report(error, head, answer.exchange)
        let refusal = dialect.encode(error, for: answer.exchange)
        answer.response = refusal
        note(answer)
        return refusal
    }
}
