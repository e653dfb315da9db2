/// One answered request, as it is kept in the log. Nothing in it costs work before it is written down: it is
/// made on the request's own thread. A class, since it is looked at once for every column.
public final class RequestRecord: Sendable {
    public let began: ContinuousClock.Instant
    public let duration: Duration
    public let requestID: String
    public let clientAddress: String
    public let method: Method?
    public let requestBytes: Int?
    public let status: Int
    public let responseBytes: Int
    public let course: RequestCourse

    /// `response` is nil when the client was gone; `streamed` are the bytes that followed it.
    public init(
        _ head: RequestHead, _ course: RequestCourse, _ response: Response?, streamed: Int = 0,
        began: ContinuousClock.Instant
    ) {
        self.began = began
        duration = began.duration(to: .now)
        requestID = head.requestID
        clientAddress = head.clientAddress
        method = head.method
        requestBytes = head.contentLengthBytes
        status = response?.status ?? ErrorCode.clientGone.facts.status
        responseBytes = Int(response?.length ?? 0) + streamed
        self.course = course
    }
}

/// What became known of a request while it was answered.
public struct RequestCourse: Sendable {
    public private(set) var speaker: (any Dialect)?
    public private(set) var route: Route?
    public var caller: Caller?
    public private(set) var task: TaskReference?
    public private(set) var model: String?
    public var error: KinoraError?

    public init() {}

    public var dialect: String? { speaker?.name }

    public mutating func note(_ dialect: any Dialect, _ route: Route) {
        speaker = dialect
        self.route = route
    }

    public mutating func note(_ command: Command) {
        switch command {
        case .submit(let submission), .credits(let submission):
            model = submission.model
        case .task(let reference, _), .awaitResult(let reference, _), .results(let reference, _, _),
            .report(let reference, _), .follow(let reference, _, _), .content(let reference),
            .delete(let reference), .cancel(let reference):
            task = reference
        case .relay(let request): model = request.model
        case .model(let id, _): model = id
        case .makeCameo(let draft): model = draft.model
        case .tasks, .reports, .stats, .quota, .redeem, .models, .catalogue, .batch, .estimate, .signedMedia,
            .vendorCallback, .health, .ask, .cameos, .cameo, .deleteCameo, .callerStats:
            break
        }
    }

    public mutating func note(_ outcome: Outcome) {
        switch outcome {
        case .accepted(let of), .acceptedWaiting(let of, _), .task(let of), .results(let of, _),
            .deleted(let of), .told(let of, _, _):
            task = TaskReference(of.id)
            model = of.model
        case .telling(let course, _, _), .following(let course):
            task = TaskReference(course.task.id)
            model = course.task.model
        case .report(let report):
            task = TaskReference(report.task.id)
            model = report.task.model
        case .limited(let inner, _): note(inner)
        case .estimate(let estimate): model = estimate.model
        case .tasks, .reports, .stats, .credits, .quota, .redeemed, .content, .link, .relayed, .relaying,
            .models,
            .model, .batch, .noted, .nothingNew, .health, .needsPatience, .bridged, .madeCameo, .cameos,
            .cameo, .deletedCameo, .callerStats, .toldCameo:
            break
        }
    }
}
