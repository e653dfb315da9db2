public import ArgumentParser
public import Core

/// Amounts on the command line are units, with up to six decimals.
extension Amount: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
