import Core
import Dialects

extension Responder {
    /// Where a call goes; nil: nowhere.
    func route(
        _ call: EnclosedCall, _ head: RequestHead
    ) -> (path: RequestPath, dialect: any Dialect, match: RouteMatch)? {
        guard let path = try? RequestPath(target: call.target),
            let (dialect, match) = try? router.route(.post, path, at: head.hostDialect)
        else { return nil }
        return (path, dialect, match)
    }
}
