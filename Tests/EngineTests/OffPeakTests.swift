import Core
import Store
import TestSupport
import Testing

@testable import Engine

/// Tasks that wait for their window, from submit to success.
@Suite(.freshDatabase) struct OffPeakTests {
    let stage: Stage

    init() throws { stage = try Stage() }

    private static func putOff(_ isOffPeak: Bool = true) -> (inout Submission) -> Void {
        { $0.parameters = [GivenParameter(name: Parameters.offPeak, value: .bool(isOffPeak))] }
    }

    private func priority(_ task: MediaTask) throws -> String? {
        try stage.database.value("SELECT priority FROM task WHERE id = \(task.row)")
    }

    @Test func aTaskIsOffPeakWhenItsClientSaysSo() throws {
        let put = try stage.submit("a prompt", Self.putOff())
        #expect(put.parameters[Parameters.offPeak] == true)
        #expect(try priority(put) == "10")
        #expect(try priority(try stage.submit("a prompt", Self.putOff(false))) == "0")
        #expect(try priority(try stage.submit()) == "0")
    }

    @Test func aRemixIsPutOffByItsOwnWishAlone() throws {
        _ = try stage.worker()
        let (plain, put) = (try stage.finished(), try stage.finished("a prompt", Self.putOff()))
        for source in [plain, put] {
            for isOffPeak in [true, false] {
                let remix = try stage.submit {
                    $0.remixOf = TaskReference(source.id)
                    if isOffPeak { Self.putOff()(&$0) }
                }
                #expect(remix.parameters.isOffPeak == isOffPeak)
                #expect(try priority(remix) == (isOffPeak ? "10" : "0"))
                #expect(remix.parameters["seconds"] == source.parameters["seconds"])
            }
        }
    }

    /// Nobody tells the worker that the window is open.
    @Test func aWorkerStartsItWhenTheWindowOpens() throws {
        try stage.database.offPeakWindow(opensInHours: 2)
        let put = try stage.submit("a prompt", Self.putOff())
        _ = try stage.worker(isNotifying: false)
        // What was submitted later runs from start to end meanwhile.
        #expect(try stage.finished().state == .succeeded)
        #expect(try stage.task(put.id)?.state == .queued)
        try stage.database.offPeakWindow(opensInHours: -1)
        #expect(stage.events.end(of: put.id)?.state == .succeeded)
    }
}
