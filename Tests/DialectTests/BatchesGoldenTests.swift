import Core
import Dialects
import TestSupport
import Testing

/// Tests/Golden/batches.
@Suite struct BatchesGoldenTests {
    private let goldens = DialectGoldens(Batches())

    @Test(arguments: try Golden.cases(in: "batches/decode"))
    func aRequestMeansThisCommand(_ golden: GoldenCase) throws { try goldens.checkDecode(golden) }
}
