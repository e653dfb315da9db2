import Foundation
import TestSupport
import Testing

@Suite struct GoldenTests {
    private static let isUpdating = ProcessInfo.processInfo.environment["GOLDEN_UPDATE"] == "1"

    @Test func aFolderWithoutCasesIsNoTestedFolder() {
        #expect(throws: (any Error).self) { try Golden.cases(in: "no-such-folder") }
    }

    @Test func aCaseIsDividedAtItsLastRule() throws {
        let golden = try #require(
            try Golden.cases(in: "multipart").first { $0.name == "multipart/no-parts.txt" })
        #expect(golden.input == "content-type: multipart/form-data; boundary=x\n\n--x--\\r\\n")
        #expect(golden.sections == [golden.input])
        #expect(golden.expected == "complete")
        #expect("\(golden)" == "multipart/no-parts.txt")
    }

    @Test(.enabled(if: !isUpdating, "a mismatch would be written down as expected"))
    func aMismatchShowsWhereTheTextsPart() throws {
        let golden = try #require(
            try Golden.cases(in: "multipart").first { $0.name == "multipart/no-parts.txt" })
        #expect(try golden.mismatch(with: "complete\n") == nil)
        let mismatch = try #require(try golden.mismatch(with: "complete\nand more"))
        #expect(mismatch.description.contains("no-parts.txt differs from line 2"))
        #expect(mismatch.description.contains("and more"))
    }
}
