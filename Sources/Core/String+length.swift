extension String {
    /// Throws `invalidValue` for more than so many characters, as Unicode numbers them. What people see as
    /// one may be any number of those, and telling them apart takes seconds in a text of megabytes: what goes
    /// through a client's text by `Character`, a regex too, comes after this.
    public func checkLength(max charactersMax: Int, field: String) throws(KinoraError) {
        guard unicodeScalars.count <= charactersMax else {
            throw KinoraError(
                .invalidValue, "'\(field)' must have at most \(charactersMax) characters.", field: field)
        }
    }
}
