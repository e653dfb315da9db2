import CPostgres
import Core
import Glibc

/// A flag, as `Signal` is one, that a session which waits for notifications sees as well: see
/// `Store.rest(for:or:)`. One thread waits for it.
public final class PollableSignal: Sendable {
    /// Below zero when there are no descriptors left: then it is never seen, and its waits take their time.
    let descriptor = kn_event_descriptor()

    public init() {}

    deinit { close(descriptor) }

    /// Wakes whoever waits.
    public func raise() { kn_event_raise(descriptor) }

    /// True when it was raised within that time. Takes the flag down again.
    @discardableResult
    public func wait(for duration: Duration) -> Bool {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&item, 1, Int32(clamping: duration.microseconds / 1000))
        return clear()
    }

    /// Whether it was raised.
    @discardableResult
    func clear() -> Bool { kn_event_clear(descriptor) != 0 }
}
