import TestSupport
import Testing

/// The command failed, and says why in one line.
func expectFailure(
    _ finished: Finished, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(finished.status == 1, sourceLocation: sourceLocation)
    #expect(finished.errors == "kinora: \(message)\n", sourceLocation: sourceLocation)
    #expect(finished.output.isEmpty, sourceLocation: sourceLocation)
}

/// The command was called in a way that makes no sense: it says so, and how it is called.
func expectWrongUsage(
    _ finished: Finished, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(finished.status == 64, sourceLocation: sourceLocation)
    #expect(
        finished.errors.hasPrefix("Error: \(message)\n"), "\(finished.errors)",
        sourceLocation: sourceLocation)
    #expect(finished.errors.contains("Usage: kinora"), sourceLocation: sourceLocation)
    #expect(finished.output.isEmpty, sourceLocation: sourceLocation)
}
