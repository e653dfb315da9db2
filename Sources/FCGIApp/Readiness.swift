import Core
import Engine
import Synchronization

/// `/livez`: the process answers. `/readyz`: it may be sent requests.
final class Readiness: Sendable {
    private let isDraining = Atomic<Bool>(false)

    func noteDraining() { isDraining.store(true, ordering: .releasing) }

    /// Nil for every other target.
    func answer(to target: String, _ gateway: Gateway) -> Response? {
        switch target {
        case "/livez": return Self.text("ok\n", status: 200)
        case "/readyz":
            if isDraining.load(ordering: .acquiring) { return Self.text("draining\n", status: 503) }
            guard case .health(let health)? = try? gateway.perform(.health), health.isDatabaseUp else {
                return Self.text("database unavailable\n", status: 503)
            }
            return Self.text("ok\n", status: 200)
        default: return nil
        }
    }

    private static func text(_ text: String, status: Int) -> Response {
        Response(
            status: status, headers: [("Content-Type", "text/plain"), ("Cache-Control", "no-store")],
            body: Array(text.utf8))
    }
}
