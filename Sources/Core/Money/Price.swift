/// What tasks of one category of a model cost. A row of the table `price`.
public struct Price: Sendable, Equatable {
    /// For the task, whatever it makes.
    public var task: Amount
    /// For each second of video asked for.
    public var second: Amount
    /// For each picture asked for.
    public var image: Amount
    /// For a million tokens that a text model reads.
    public var input: Amount
    /// For a million tokens that it writes.
    public var output: Amount
    /// What of all that a task costs that may be put off, in percent.
    public var offPeakPercent: Int

    public init(
        task: Amount = .init(micros: 0), second: Amount = .init(micros: 0),
        image: Amount = .init(micros: 0), input: Amount = .init(micros: 0),
        output: Amount = .init(micros: 0), offPeakPercent: Int = 100
    ) {
        self.task = task
        self.second = second
        self.image = image
        self.input = input
        self.output = output
        self.offPeakPercent = offPeakPercent
    }

    /// Rounded up to the next micro-unit. More than can be counted is the most that can: nobody can pay it.
    func cost(of kind: MediaKind, _ parameters: Parameters) -> Amount {
        let seconds = max(parameters["seconds"]?.integerValue ?? 0, 0)
        let images = kind == .image ? max(parameters["n"]?.integerValue ?? 1, 0) : 0
        let full = task.micros.addingClamped(second.micros.multipliedClamped(by: seconds))
            .addingClamped(image.micros.multipliedClamped(by: images))
        guard parameters.isOffPeak, full < .max else { return Amount(micros: full) }
        let (hundreds, rest) = full.quotientAndRemainder(dividingBy: 100)
        let percent = Int64(offPeakPercent)
        return Amount(micros: hundreds * percent + (rest * percent + 99) / 100)
    }
}

extension Price {
    /// What of that each picture is, rounded down: what is taken off for one that does not come.
    func piece(of kind: MediaKind, _ parameters: Parameters) -> Amount {
        guard kind == .image else { return Amount(micros: 0) }
        guard parameters.isOffPeak else { return image }
        return Amount(micros: Int64(Int128(image.micros) * Int128(offPeakPercent) / 100))
    }

    /// What a request to a text model costs, rounded up to the next micro-unit.
    func cost(of usage: TokenUsage) -> Amount {
        let tokens =
            Int128(input.micros) * Int128(usage.input) + Int128(output.micros) * Int128(usage.output)
        let full = (tokens + 999_999) / 1_000_000 + Int128(task.micros)
        return Amount(micros: Int64(clamping: full))
    }
}

/// The prices of one category of a model, by resolution.
public struct PriceList: Sendable, Equatable {
    /// By the parameter `size` or `resolution`; empty: any other.
    private var prices: [String: Price]

    public init(_ prices: [String: Price] = [:]) { self.prices = prices }

    public subscript(_ resolution: String) -> Price? {
        get { prices[resolution] }
        set { prices[resolution] = newValue }
    }

    /// What a task costs, by its parameters after checks and defaults. Without a price it costs nothing.
    public func cost(of kind: MediaKind, _ parameters: Parameters) -> Amount {
        price(for: parameters)?.cost(of: kind, parameters) ?? Amount(micros: 0)
    }

    /// What of it each picture is; 0: nothing depends on how many come.
    public func piece(of kind: MediaKind, _ parameters: Parameters) -> Amount {
        price(for: parameters)?.piece(of: kind, parameters) ?? Amount(micros: 0)
    }

    private func price(for parameters: Parameters) -> Price? {
        let named = ["size", "resolution"].lazy.compactMap { parameters[$0]?.stringValue }
            .compactMap { prices[$0] }.first
        return named ?? prices[""]
    }

    /// What a request to a text model costs. Without a price it costs nothing.
    public func cost(of usage: TokenUsage) -> Amount { prices[""]?.cost(of: usage) ?? Amount(micros: 0) }
}

extension Int64 {
    /// The product of numbers that are not negative, held at the type's bound.
    fileprivate func multipliedClamped(by other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
