internal import Core
internal import FastCGI
import Glibc

/// Sends an answer, or what a fault leaves of it.
struct Delivery {
    let world: World
    let connection: Connection

    /// How long a slow body trickles unless the fault says otherwise.
    static let trickleSeconds = 5.0
    static let trickleCount = 25

    func send(_ response: Response, struckBy strike: Strike?) {
        switch strike?.fault {
        case .lostAnswer:
            connection.abandon()
        case .halfClose:
            // nginx takes a connection that ends for the end of the answer, unless it buffers the answer and
            // may keep connections (`fastcgi_keep_conn on`); only then does it cut its client off too.
            let whole = withBytes(response).adding("X-Accel-Buffering", "yes")
            if connection.begin(announced(whole)) { _ = connection.stream(firstHalf(whole.body)) }
            connection.abandon()
        case .truncatedJSON:
            var whole = withBytes(response)
            whole.body = firstHalf(whole.body)
            connection.send(whole)
        case .wrongJSON:
            var other = response
            other.status = 200
            other.internalFile = nil
            other.headers.removeAll { $0.name == "Content-Type" }
            other.headers.append(("Content-Type", "application/json"))
            other.body = (["ok": true, "result": ["items": []]] as JSON).serialized()
            connection.send(other)
        case .errorInside: sendErrorInside(response)
        case .slowBody:
            trickle(withBytes(response), over: strike?.delaySeconds ?? Self.trickleSeconds)
        default:
            if isStream(response) { tell(response) } else { connection.send(response) }
        }
    }

    private func isStream(_ response: Response) -> Bool {
        response.headers.contains { $0.name == "Content-Type" && $0.value.hasPrefix("text/event-stream") }
    }

    /// Sends a stream event by event.
    private func tell(_ response: Response) {
        let pause = world.withState { $0.settings.eventSeconds }
        guard connection.begin(response.adding("X-Accel-Buffering", "no")) else { return }
        // The splitter knows where events end, and the bytes are the sandbox's own.
        var splitter = EventSplitter()
        for event in (try? splitter.take(response.body)) ?? [] {
            guard connection.stream(event), !world.isStopping else {
                world.withState { $0.countCut() }
                return connection.abandon()
            }
            if pause > 0 { usleep(UInt32(min(pause, 60) * 1e6)) }
        }
    }

    private func sendErrorInside(_ response: Response) {
        let error: JSON = [
            "error": [
                "message": "The server had an error in org-sandbox-secret.", "type": "server_error",
                "param": .null, "code": .null,
            ]
        ]
        guard isStream(response) else { return connection.send(.json(error)) }
        var splitter = EventSplitter()
        let events = (try? splitter.take(response.body)) ?? []
        var half = response
        half.body = events.prefix(events.count / 2).flatMap(\.self) + Array("data: \(error.text)\n\n".utf8)
        tell(half)
    }

    /// Loads what nginx would have sent: a fault has to touch the bytes themselves.
    private func withBytes(_ response: Response) -> Response {
        guard let file = response.internalFile else { return response }
        var copy = response
        copy.internalFile = nil
        copy.body = world.studio.files.read(String(file.dropFirst(World.internalPrefix.count))) ?? []
        return copy
    }

    private func announced(_ response: Response) -> Response {
        response.adding("Content-Length", String(response.body.count))
    }

    private func firstHalf(_ bytes: [UInt8]) -> [UInt8] { Array(bytes.prefix(bytes.count / 2)) }

    private func trickle(_ response: Response, over seconds: Double) {
        guard connection.begin(announced(response)) else { return }
        let body = response.body
        let pause = UInt32(min(max(0, seconds), 3600) / Double(Self.trickleCount) * 1e6)
        for index in 0..<Self.trickleCount {
            let start = body.count * index / Self.trickleCount
            let end = body.count * (index + 1) / Self.trickleCount
            guard connection.stream(Array(body[start..<end])), !world.isStopping else {
                return connection.abandon()
            }
            usleep(pause)
        }
    }
}
