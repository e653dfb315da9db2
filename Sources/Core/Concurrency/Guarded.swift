public import Glibc

/// A value that one thread at a time may touch, for what every request touches. `Mutex` of the standard
/// library spins before it sleeps: where threads outnumber cores, and the holder is not running, that costs
/// more than the request itself (docs/decisions/0004-where-the-time-goes.md). This one sleeps at once.
public final class Guarded<Value>: @unchecked Sendable {
    // The mutex lives as long as the object, and the value is touched under it only; hence @unchecked.
    @usableFromInline let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    @usableFromInline var value: Value

    public init(_ value: sending Value) {
        pthread_mutex_init(mutex, nil)
        self.value = value
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    @inlinable public func withLock<Result>(_ body: (inout Value) -> sending Result) -> sending Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&value)
    }
}
