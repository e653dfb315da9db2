import Core
import Testing

@Suite struct AcceptTests {
    private func head(_ accept: String) -> RequestHead {
        RequestHead(method: .get, target: "/", accept: accept)
    }

    @Test(arguments: [
        "text/event-stream", "Text/Event-Stream", "text/event-stream;charset=utf-8",
        "text/event-stream; q=0.5", "text/event-stream, */*", "*/*, text/event-stream;q=0.1",
        "text/html,text/event-stream ;q=0.9 , application/json;q=0.8",
        "text/event-stream, text/event-stream;q=0",
        "application/json;q=0.001, text/event-stream;q=0.002", ",, text/event-stream ,",
        "application/json;q=x, text/event-stream",
    ])
    func whoWantsEventsMostGetsThem(_ accept: String) { #expect(head(accept).prefersEvents) }

    @Test(arguments: [
        "", "*/*", "text/*", "application/json", "text/event-streams", "x-text/event-stream",
        "text/event-stream;q=0", "text/event-stream;q=0.0", "text/event-stream;q=-1", "text/event-stream;q=2",
        "text/event-stream;q=nan", "text/event-stream;q=", "text/event-stream;q=1;q=1", "text/event-stream;q",
        "application/json, text/event-stream", "text/event-stream;q=0.5, application/json",
        "text/event-stream;q=0.5, application/json;q=0.5", "text / event-stream", "\"text/event-stream\"",
    ])
    func everybodyElseGetsJSON(_ accept: String) { #expect(!head(accept).prefersEvents) }

    @Test func onlyWhatShowsATaskIsFollowed() throws {
        let reference = try #require(TaskReference("sora-2-abc123def456"))
        var asking = head("text/event-stream")
        asking.lastEventID = "running-40"
        guard
            case .follow(reference, withLinks: false, lastEvent: "running-40") =
                Command.task(reference, waitSeconds: 9).heeding(asking)
        else { throw Unexpected() }
        guard
            case .follow(reference, withLinks: true, lastEvent: _) =
                Command.report(reference, waitSeconds: 0).heeding(asking)
        else { throw Unexpected() }
        guard case .content = Command.content(reference).heeding(asking),
            case .task = Command.task(reference, waitSeconds: 9).heeding(head("*/*"))
        else { throw Unexpected() }
    }

    private struct Unexpected: Error {}
}
