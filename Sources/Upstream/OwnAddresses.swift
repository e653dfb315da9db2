import Core
import Glibc

/// The addresses of this machine's interfaces. They change while it runs, so they are read again once they
/// are 30 seconds old; a connection in between costs no more than a look at them.
public final class OwnAddresses: Sendable {
    private struct Reading {
        var addresses: Set<[UInt8]> = []
        var freshUntil: ContinuousClock.Instant?
    }

    public static let shared = OwnAddresses()

    private static let freshness = Duration.seconds(30)

    private let source: @Sendable () -> Set<[UInt8]>?
    private let lastReading = Guarded(Reading())

    /// `source` gives nil when they cannot be read.
    init(source: @escaping @Sendable () -> Set<[UInt8]>? = { OwnAddresses.ofInterfaces() }) {
        self.source = source
    }

    /// Each of 4 or 16 bytes in network order, the loopback's too. Where they cannot be read, those that were
    /// known before.
    public func known(at now: ContinuousClock.Instant = .now) -> Set<[UInt8]> {
        lastReading.withLock { last -> Set<[UInt8]> in
            if let end = last.freshUntil, now < end { return last.addresses }
            if let addresses = source() {
                last = Reading(addresses: addresses, freshUntil: now + Self.freshness)
            }
            return last.addresses
        }
    }

    private static func ofInterfaces() -> Set<[UInt8]>? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var addresses: Set<[UInt8]> = []
        var entry = list
        while let interface = entry?.pointee {
            if let address = interface.ifa_addr, let own = SocketAddress(address) {
                addresses.insert(own.bytes)
            }
            entry = interface.ifa_next
        }
        return addresses
    }
}
