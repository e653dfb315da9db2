public import Core
public import Testing

extension KinoraError: CustomTestStringConvertible {
    /// With its detail, which its plain description leaves to the log: a test that fails says why.
    public var testDescription: String { debugDescription }
}
