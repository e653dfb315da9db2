import Core
import Testing

@testable import Engine

@Suite struct StrangerRowsTests {
    /// Strangers whose requests fail at moments of the test's choice, in milliseconds.
    private final class Strangers {
        private var rows = StrangerRows()
        private let start = ContinuousClock.now

        /// How many of so many failures at one moment become rows.
        func kept(of count: Int, at milliseconds: Int) -> Int {
            var kept = 0
            for _ in 0..<count where rows.keepsOne(at: start + .milliseconds(milliseconds)) { kept += 1 }
            return kept
        }

        func told(at milliseconds: Int, isLast: Bool = false) -> Int? {
            rows.tell(at: start + .milliseconds(milliseconds), isLast: isLast)
        }
    }

    @Test func twentyAtOnceAreKeptAndThenTenASecond() {
        let strangers = Strangers()
        #expect(strangers.kept(of: 1000, at: 0) == 20)
        #expect(strangers.kept(of: 5, at: 99) == 0)
        #expect(strangers.kept(of: 5, at: 100) == 1)
        #expect(strangers.kept(of: 1000, at: 1100) == 10)
        // However long it was quiet.
        #expect(strangers.kept(of: 1000, at: 3_600_000) == 20)
    }

    @Test func aSlowStreamIsKeptWhole() {
        let strangers = Strangers()
        let kept = (0..<1000).map { strangers.kept(of: 1, at: $0 * 100) }
        #expect(kept == [Int](repeating: 1, count: 1000))
        #expect(strangers.told(at: 1_000_000, isLast: true) == nil)
    }

    /// Threads do not ask in the order of their clocks.
    @Test func anEarlierMomentMakesNoRoom() {
        let strangers = Strangers()
        #expect(strangers.kept(of: 20, at: 50) == 20)
        #expect(strangers.kept(of: 20, at: 0) == 0)
        #expect(strangers.kept(of: 20, at: 150) == 1)
    }

    @Test func whatWasLeftOutIsToldOnceAMinuteAtMost() {
        let strangers = Strangers()
        #expect(strangers.told(at: 0) == nil)
        #expect(strangers.kept(of: 100, at: 0) == 20)
        #expect(strangers.kept(of: 100, at: 30_000) == 20)
        #expect(strangers.told(at: 59_999) == nil)
        #expect(strangers.told(at: 60_000) == 160)
        #expect(strangers.told(at: 60_000) == nil)
        #expect(strangers.kept(of: 25, at: 61_000) == 20)
        #expect(strangers.told(at: 120_999) == nil)
        #expect(strangers.told(at: 121_000) == 5)
    }

    @Test func whatIsLeftAtTheEndIsToldAtOnce() {
        let strangers = Strangers()
        #expect(strangers.kept(of: 23, at: 0) == 20)
        #expect(strangers.told(at: 0, isLast: true) == 3)
        #expect(strangers.told(at: 999_999, isLast: true) == nil)
    }
}
