import ArgumentParser

extension ParsableArguments {
    /// Refuses what the database would refuse as a name, in words. It counts as PostgreSQL does: in Unicode
    /// scalars, of which an emoji may have several.
    func checkName(_ text: String, _ what: String, _ lengths: ClosedRange<Int> = 1...128) throws {
        guard lengths.contains(text.unicodeScalars.count) else {
            let least = lengths.lowerBound == 0 ? "at most" : "\(lengths.lowerBound) to"
            throw ValidationError("\(what) must have \(least) \(lengths.upperBound) characters.")
        }
        guard !text.unicodeScalars.contains(where: \.isControl) else {
            throw ValidationError("\(what) must have no line breaks or other control characters.")
        }
    }
}
