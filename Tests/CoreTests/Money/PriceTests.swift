import Core
import Testing

@Suite struct PriceTests {
    private func price(
        task: Int64 = 0, second: Int64 = 0, image: Int64 = 0, offPeak: Int = 100
    ) -> Price {
        Price(
            task: Amount(micros: task), second: Amount(micros: second), image: Amount(micros: image),
            offPeakPercent: offPeak)
    }

    private func cost(_ price: Price, _ parameters: Parameters, kind: MediaKind = .video) -> Int64 {
        PriceList(["": price]).cost(of: kind, parameters).micros
    }

    @Test func aTaskItsSecondsAndItsPicturesAddUp() {
        #expect(cost(price(task: 100), [:]) == 100)
        #expect(cost(price(second: 30), ["seconds": 8]) == 240)
        #expect(cost(price(task: 100, second: 30), ["seconds": 8]) == 340)
        #expect(cost(price(task: 5, image: 40), ["n": 3], kind: .image) == 125)
    }

    @Test func aPictureIsOneUnlessMoreAreAskedForAndAVideoIsNone() {
        #expect(cost(price(image: 40), [:], kind: .image) == 40)
        #expect(cost(price(image: 40), ["seconds": 4], kind: .video) == 0)
        #expect(cost(price(second: 40), ["n": 2], kind: .image) == 0)
    }

    @Test func theRowOfTheResolutionComesBeforeTheOneOfAll() {
        let list = PriceList([
            "": price(second: 10), "1792x1024": price(second: 50), "1080p": price(task: 7),
        ])
        func cost(_ parameters: Parameters) -> Int64 { list.cost(of: .video, parameters).micros }
        #expect(cost(["seconds": 4]) == 40)
        #expect(cost(["seconds": 4, "size": "1280x720"]) == 40)
        #expect(cost(["seconds": 4, "size": "1792x1024"]) == 200)
        #expect(cost(["seconds": 4, "resolution": "1080p"]) == 7)
        #expect(PriceList(["1080p": price(task: 7)]).cost(of: .video, ["size": "x"]).micros == 0)
        #expect(PriceList().cost(of: .video, ["seconds": 4]).micros == 0)
    }

    @Test func whatMayBePutOffCostsItsShareRoundedUp() {
        let half = price(task: 101, offPeak: 50)
        #expect(cost(half, ["off_peak": "Y"]) == 51)
        #expect(cost(half, ["off_peak": true]) == 51)
        for other: JSON in ["N", false, .null, "yes", 1] { #expect(cost(half, ["off_peak": other]) == 101) }
        #expect(cost(price(task: 1, offPeak: 1), ["off_peak": "Y"]) == 1)
        #expect(cost(price(task: 1, offPeak: 0), ["off_peak": "Y"]) == 0)
        #expect(cost(price(task: .max - 1, offPeak: 100), ["off_peak": "Y"]) == .max - 1)
    }

    @Test func whatCannotBeCountedIsMoreThanAnybodyHas() {
        let dear = price(task: 1, second: 1_000_000_000_000)
        #expect(cost(dear, ["seconds": .integer(.max)]) == .max)
        #expect(cost(dear, ["seconds": 9_223_373]) == .max)
        #expect(
            cost(price(task: 1, second: 1, offPeak: 50), ["seconds": .integer(.max), "off_peak": "Y"]) == .max
        )
        #expect(cost(price(task: 3, second: 5), ["seconds": -9]) == 3, "nothing is ever paid back")
    }
}

@Suite struct TokenPriceTests {
    private func cost(_ input: Int64, _ output: Int64, _ price: Price) -> Int64 {
        PriceList(["": price]).cost(of: TokenUsage(input: input, output: output)).micros
    }

    private let price = Price(input: Amount(micros: 2_500_000), output: Amount(micros: 10_000_000))

    @Test func aMillionTokensCostWhatThePriceSays() {
        #expect(cost(1_000_000, 0, price) == 2_500_000)
        #expect(cost(0, 1_000_000, price) == 10_000_000)
        #expect(cost(1000, 100, price) == 3500)
    }

    @Test func theCostIsRoundedUpOnceAndNotForEachToken() {
        #expect(cost(1, 0, price) == 3)
        #expect(cost(1, 1, price) == 13)
        #expect(cost(0, 0, price) == 0)
        #expect(cost(0, 0, Price(task: Amount(micros: 7))) == 7)
    }

    @Test func moreThanCanBeCountedIsTheMostThatCan() {
        let dear = Price(
            task: Amount(micros: .max), input: Amount(micros: 1_000_000_000_000),
            output: Amount(micros: 1_000_000_000_000))
        #expect(cost(1_000_000_000, 1_000_000_000, dear) == .max)
        #expect(PriceList().cost(of: TokenUsage(input: 9, output: 9)).micros == 0)
    }
}
