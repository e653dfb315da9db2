import Core
import Testing

@Suite struct TimestampTests {
    @Test(
        arguments: [
            (0, 0), (1, 0), (999_999, 0), (1_000_000, 1), (-1, -1), (-999_999, -1), (-1_000_000, -1),
            (-1_000_001, -2),
        ] as [(Int64, Int64)])
    func secondsAreRoundedDown(_ microseconds: Int64, _ seconds: Int64) {
        #expect(Timestamp(microseconds: microseconds).seconds == seconds)
    }

    @Test func theEndsOfTimeHaveSecondsToo() {
        #expect(Timestamp(microseconds: .max).seconds == 9_223_372_036_854)
        #expect(Timestamp(microseconds: .min).seconds == -9_223_372_036_855)
    }

    @Test func durationsAreAddedAndGivenBack() {
        let start = Timestamp(seconds: 1_700_000_000)
        let end = start + .milliseconds(1_500)
        #expect(end.microseconds == 1_700_000_001_500_000)
        #expect(end - start == .milliseconds(1_500))
        #expect(start - end == .milliseconds(-1_500))
        #expect(end + (start - end) == start)
        #expect(start < end && !(end < start) && start != end)
    }

    @Test func durationsAreRoundedTowardsZero() {
        #expect(Duration.nanoseconds(1_999).microseconds == 1)
        #expect(Duration.nanoseconds(-1_999).microseconds == -1)
        #expect(Duration.seconds(-1.5).microseconds == -1_500_000)
        #expect(Duration.milliseconds(41_200).inSeconds == 41.2)
    }
}
