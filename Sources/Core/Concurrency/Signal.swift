import Glibc

/// A flag that threads can wait for. Raising it twice before anybody looks counts once: a signal says "look
/// again", never how often.
public final class Signal: @unchecked Sendable {
    // The three live as long as the object and are touched by pthread calls only; hence @unchecked.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isRaised = false

    public init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // A stepped wall clock must neither cut a wait short nor prolong it.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Wakes everybody who waits.
    public func raise() {
        pthread_mutex_lock(mutex)
        isRaised = true
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Wakes one of those who wait: for takers of whom only one gets the flag anyway.
    public func raiseForOne() {
        pthread_mutex_lock(mutex)
        isRaised = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// True when the signal was raised before `deadline`. `clearing` takes the flag down again.
    public func wait(until deadline: ContinuousClock.Instant, clearing: Bool = true) -> Bool {
        let left = max(.zero, ContinuousClock.now.duration(to: deadline)).microseconds
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        // A year is as good as for ever, and keeps the sum inside 64 bits.
        let nanoseconds = Int64(time.tv_nsec) + min(left, 31_536_000_000_000) * 1000
        time.tv_sec += Int(nanoseconds / 1_000_000_000)
        time.tv_nsec = Int(nanoseconds % 1_000_000_000)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isRaised {
            if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { break }
        }
        let result = isRaised
        if clearing { isRaised = false }
        return result
    }

    public func wait(for duration: Duration, clearing: Bool = true) -> Bool {
        wait(until: .now + duration, clearing: clearing)
    }
}
