import Core

extension Dialect {
    /// A task as it goes on: what a GET answers now, once more at each change that it shows, and at the end.
    /// After that a client that comes back by itself is told that there is nothing new.
    func events(of course: TaskCourse, for exchange: Exchange) -> Response {
        let told = Guarded<[UInt8]>([])
        let next: @Sendable () throws(KinoraError) -> [UInt8]? = { () throws(KinoraError) in
            while let news = try Self.news(of: course) {
                guard let report = news.report else { return Array(": still at work\n\n".utf8) }
                let object = encode(.report(report), for: exchange).body
                let last = told.withLock { told in
                    defer { told = object }
                    return told
                }
                guard object != last else { continue }
                return (last.isEmpty ? TaskEvents.beginning : [])
                    + Array("id: \(report.task.standing.eventID)\ndata: ".utf8) + object + [0x0A, 0x0A]
            }
            return nil
        }
        return .events(BodyStream(next: next, abandon: {}))
    }

    /// Nil also where the stream ends before the task: its client asks again by itself, and learns why.
    private static func news(of course: TaskCourse) throws(KinoraError) -> TaskCourse.News? {
        do throws(KinoraError) { return try course.next() } catch {
            guard TaskEvents.askingAgain.contains(error.code) else { throw error }
            return nil
        }
    }
}

private enum TaskEvents {
    /// When who was cut off comes back, in milliseconds.
    static let beginning = Array("retry: 2000\n".utf8)
    static let askingAgain: Set<ErrorCode> = [.shuttingDown, .waitTimedOut, .queueFull, .taskNotFound]
}

extension TaskCourse.News {
    /// Nil: nothing has changed. What is under way has made nothing yet.
    fileprivate var report: TaskReport? {
        switch self {
        case .begun(let task), .changed(let task): TaskReport(task, links: [])
        case .ended(let report): report
        case .silence: nil
        }
    }
}

extension Response {
    /// Events as they come.
    static func events(_ stream: BodyStream) -> Response {
        var response = Response(
            status: 200,
            headers: [
                ("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-cache"),
                // nginx passes each event on as it comes.
                ("X-Accel-Buffering", "no"),
            ])
        response.stream = stream
        return response
    }
}
