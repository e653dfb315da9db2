public import Core
public import Upstream

/// The operator's bridge and the way to it. Each call holds the thread of its request; so many are made at
/// once, and no user may have all of them.
public final class BridgeLine: Sendable {
    let bridge: Bridge
    private let transport: any Transport
    private let places = UserPlaces(Limits.bridgeCallsMax, perUser: Limits.bridgeCallsPerUserMax)

    public init(_ bridge: Bridge, _ transport: any Transport) {
        self.bridge = bridge
        self.transport = transport
    }

    /// Asks whether it is one. Throws what is wrong with it.
    public func prove() throws(KinoraError) {
        do throws(KinoraError) { try bridge.checkHello(try send(bridge.hello())) } catch {
            throw KinoraError(
                .configuration, "KINORA_BRIDGE_URL: \(error.message)",
                detail: error.replacing(bridge.peer.credential).detail)
        }
    }

    /// The reply to a call that is made for a user. Throws `queueFull` when too many are under way.
    func reply(to call: HTTPCall, for user: Int64) throws(KinoraError) -> HTTPReply {
        guard places.enter(user) else {
            throw KinoraError(
                .queueFull, "Too many such requests are under way, please try again later",
                retryAfterSeconds: 2)
        }
        defer { places.leave(user) }
        return try send(call)
    }

    private func send(_ call: HTTPCall) throws(KinoraError) -> HTTPReply {
        let sink = ReplySink.memory(bytesMax: Limits.bridgeReplyBytesMax)
        switch transport.answer(to: call, from: bridge.peer, into: sink) {
        case .success(let reply): return reply
        case .failure(let failure): throw failure.error
        }
    }
}
