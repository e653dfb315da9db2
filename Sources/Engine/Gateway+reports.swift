import Core
import Store

extension Gateway {
    /// A task with links to what it has made. Waits for its end, as `task` does.
    func report(
        _ reference: TaskReference, of caller: Caller, waitSeconds: Int, _ patience: Patience
    ) throws(KinoraError) -> TaskReport {
        let task = try task(reference, of: caller, waitSeconds: waitSeconds, patience)
        guard task.state == .succeeded else { return TaskReport(task, links: []) }
        return TaskReport(task, links: try links(of: task, caller))
    }

    func reports(_ page: ReportPage, of caller: Caller) throws(KinoraError) -> Outcome {
        let (tasks, total) = try store.reports(page, of: caller)
        return .reports(
            tasks.map { TaskReport($0.task, links: $0.results.map(link)) }, total: total)
    }
}
