import Core
import Testing

@testable import Upstream

@Suite struct OwnAddressesTests {
    private static func only(_ last: Int) -> Set<[UInt8]> { [[192, 0, 1, UInt8(last)]] }

    /// Another address with each reading; none with that one.
    private func addresses(unreadable: Int? = nil) -> OwnAddresses {
        let readings = Guarded(0)
        return OwnAddresses {
            let number = readings.withLock { count -> Int in
                count += 1
                return count
            }
            return number == unreadable ? nil : Self.only(number)
        }
    }

    /// Every machine has this one; which others there are only the machine knows.
    @Test func theLoopbackIsAmongThem() {
        let known = OwnAddresses.shared.known()
        #expect(known.contains([127, 0, 0, 1]))
        #expect(known.allSatisfy { $0.count == 4 || $0.count == 16 })
    }

    @Test func theyAreReadAgainAfterHalfAMinute() {
        let addresses = addresses()
        let start = ContinuousClock.now
        #expect(addresses.known(at: start) == Self.only(1))
        #expect(addresses.known(at: start + .seconds(29)) == Self.only(1))
        #expect(addresses.known(at: start + .seconds(30)) == Self.only(2))
        #expect(addresses.known(at: start + .seconds(59)) == Self.only(2))
    }

    @Test func whereTheyCannotBeReadTheOldOnesHold() {
        let addresses = addresses(unreadable: 2)
        let start = ContinuousClock.now
        #expect(addresses.known(at: start) == Self.only(1))
        #expect(addresses.known(at: start + .seconds(40)) == Self.only(1))
        // The next one who asks tries again.
        #expect(addresses.known(at: start + .seconds(41)) == Self.only(3))
    }
}
