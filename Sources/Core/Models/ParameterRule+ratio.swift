#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Ratios for models that know sizes only: clients of other models ask for `9:16`.
extension [ParameterRule] {
    /// The rule whose listed sizes a ratio chooses from. Nil where ratios have a rule of their own, or no
    /// sizes are listed.
    private var sizeOfRatios: ParameterRule? {
        guard !contains(where: { $0.name == "ratio" }) else { return nil }
        return first { $0.name == "size" && !$0.listedSizes.isEmpty }
    }

    /// What a ratio may be where it chooses a size; empty: where it does not.
    public var ratiosOfSizes: [String] {
        var names: [String] = []
        for size in sizeOfRatios?.listedSizes ?? [] where !names.contains(size.ratioName) {
            names.append(size.ratioName)
        }
        return names
    }

    /// The size that a given ratio stands for. Nil when none was given, or it chooses nothing here. Throws
    /// `invalidValue` when no size has it, whether or not a size was given as well.
    func sizeInRatio(of given: [GivenParameter]) throws(KinoraError) -> JSON? {
        guard let rule = sizeOfRatios,
            let ratio = given.last(where: { $0.name == "ratio" && !$0.value.isNull })
        else { return nil }
        guard let size = ratio.value.stringValue.flatMap(rule.size(inRatio:)) else {
            throw KinoraError(
                .invalidValue,
                "'\(ratio.field)' must be one of: \(ratiosOfSizes.joined(separator: ", ")).",
                field: ratio.field)
        }
        return .string(size.text)
    }
}

extension ParameterRule {
    /// Sizes that the list names; empty for a model with levels, which chooses by the ratio itself.
    fileprivate var listedSizes: [PictureSizes.Size] {
        guard sizes?.hasLevels != true else { return [] }
        return allowed.compactMap { $0.stringValue.flatMap(PictureSizes.Size.init) }
    }

    /// The listed size of that ratio; of several the one with about as many pixels as the usual size.
    fileprivate func size(inRatio text: String) -> PictureSizes.Size? {
        guard let ratio = PictureSizes.ratio(text) else { return nil }
        let close = listedSizes.filter { $0.distance(to: ratio) < PictureSizes.Size.rounding }
        let exact = close.filter { $0.distance(to: ratio) < 0.01 }
        let usual = defaultValue?.stringValue.flatMap(PictureSizes.Size.init) ?? listedSizes[0]
        return (exact.isEmpty ? close : exact).min {
            $0.enlargement(of: usual) < $1.enlargement(of: usual)
        }
    }
}

extension PictureSizes.Size {
    /// How far vendors round: 832x480 is called 16:9.
    fileprivate static let rounding = 0.03

    /// The same factor counts the same, in either direction.
    fileprivate func distance(to ratio: Double) -> Double { abs(log(self.ratio / ratio)) }

    fileprivate func enlargement(of other: Self) -> Double {
        abs(log(Double(width * height) / Double(other.width * other.height)))
    }

    /// As people call it, else in lowest terms.
    fileprivate var ratioName: String {
        let name = PictureSizes.name(of: self)
        if let ratio = PictureSizes.ratio(name), distance(to: ratio) < Self.rounding { return name }
        var (divisor, rest) = (width, height)
        while rest > 0 { (divisor, rest) = (rest, divisor % rest) }
        return "\(width / divisor):\(height / divisor)"
    }
}
