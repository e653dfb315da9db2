import CPostgres
import Glibc
import Synchronization
public import Core

/// What a session hears. After a reconnect each channel is notified once without a payload.
public struct Notification: Hashable, Sendable {
    public let channel: String
    public let payload: String
}

/// Hears notifications on a session of its own and calls `onWake` with each. A notification is a hint: one
/// that is lost costs a poll interval, never a task. After a reconnect every channel counts as notified.
/// `onSilence` is called when nothing is heard from now on: at the start, and when the session is lost.
public final class Listener: Sendable {
    public static let workChannel = "kinora_work", configChannel = "kinora_config"
    public static let taskChannel = "kinora_task", logChannel = "kinora_log"

    private let options: DatabaseOptions
    private let channels: [String]
    private let onSilence: @Sendable () -> Void
    private let onWake: @Sendable (Notification) -> Void
    private let stopDescriptor: Int32
    private let isStopping = Atomic<Bool>(false)
    private let thread: Mutex<Thread?> = Mutex(nil)

    public init(
        _ options: DatabaseOptions, channels: [String], onSilence: @escaping @Sendable () -> Void = {},
        onWake: @escaping @Sendable (Notification) -> Void
    ) throws(KinoraError) {
        self.options = options
        self.channels = channels
        self.onSilence = onSilence
        self.onWake = onWake
        stopDescriptor = kn_event_descriptor()
        guard stopDescriptor >= 0 else { throw KinoraError(.internalFault, detail: "eventfd") }
    }

    deinit { close(stopDescriptor) }

    public func start() throws(KinoraError) {
        let started = try Thread { [self] in loop() }
        thread.withLock { $0 = started }
    }

    public func stop() {
        isStopping.store(true, ordering: .releasing)
        kn_event_raise(stopDescriptor)
        _ = thread.withLock { $0 }?.join(until: .now + .seconds(2))
    }

    private func loop() {
        let pause = Signal()
        onSilence()
        while !isStopping.load(ordering: .acquiring) {
            do {
                let connection = try Connection(options)
                for channel in channels { try connection.script("LISTEN \(channel)") }
                // Says that somebody is there to be woken (`Store.logWake`).
                if channels.contains(Self.logChannel) {
                    try connection.script("SELECT pg_advisory_lock_shared(7017175)")
                }
                // Whatever happened while nobody listened.
                channels.forEach { onWake(Notification(channel: $0, payload: "")) }
                try hear(connection)
            } catch {
                onSilence()
                // The database is away; whoever needs it reports that. Polling goes on meanwhile.
                if !isStopping.load(ordering: .acquiring) { _ = pause.wait(for: .seconds(1)) }
            }
        }
    }

    private func hear(_ connection: Connection) throws(KinoraError) {
        while !isStopping.load(ordering: .acquiring) {
            let heard = try connection.notifications(until: .now + .seconds(60), wakeup: stopDescriptor)
            heard.forEach(onWake)
        }
    }
}
