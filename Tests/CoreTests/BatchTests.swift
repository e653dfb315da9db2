import Core
import Testing

@Suite struct BatchTests {
    private func batch(_ text: String) throws -> Batch {
        try Batch(Array(text.utf8))
    }

    private func refusal(_ line: Batch.Line) -> String? {
        guard case .failure(let error) = line.call else { return nil }
        return error.message
    }

    @Test func blankLinesHaveNumbersAndMeanNothing() throws {
        let most = Limits.batchLinesMax
        let lines = String(repeating: "{}\n \t\r\n\n", count: most)
        #expect(try batch(lines).lines.map(\.number) == (0..<most).map { 3 * $0 + 1 })
        #expect(throws: KinoraError(.invalidValue, "A batch has at most \(most) lines.")) {
            try batch(lines + "{}")
        }
    }

    @Test func aLineWithTooManyValuesIsItsOwnFault() throws {
        let most = Limits.batchLineValuesMax
        // The line, its body, the list.
        func line(_ zeros: Int) -> String {
            #"{"body":{"x":[\#(String(repeating: "0,", count: zeros - 1))0]}}"#
        }
        let lines = try batch(line(most - 3) + "\n" + line(most - 2)).lines
        #expect(refusal(lines[0]) == nil)
        #expect(refusal(lines[1]) == "The JSON has more than \(most) values.")
    }
}
