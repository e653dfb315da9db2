import Core
import Store

extension Model {
    /// Throws `invalidValue` for a price that none of its tasks would ever have: whoever sets it believes
    /// that it holds.
    func check(_ price: Price, at place: PricePlace) throws(KinoraError) {
        try checkParts(of: price)
        guard !place.resolution.isEmpty else { return }
        let rules = (place.category.map { [$0] } ?? self.rules.keys.sorted { $0.rawValue < $1.rawValue })
            .map { self.rules[$0] ?? [] }
        guard !rules.contains(where: { $0.canGive(place.resolution) }) else { return }
        var known: [String] = []
        for name in rules.joined().flatMap(\.resolutions) where !known.contains(name) { known.append(name) }
        throw KinoraError(
            .invalidValue,
            known.isEmpty
                ? "No task of '\(id)' has a size or resolution."
                : "No task of '\(id)' has the resolution '\(place.resolution)'. Known: "
                    + "\(known.joined(separator: ", ")).")
    }

    private func checkParts(of price: Price) throws(KinoraError) {
        let isText = MediaKind(rawValue: kind) == nil
        let parts: [(option: String, amount: Amount, isCharged: Bool)] = [
            ("--task", price.task, true),
            ("--second", price.second, kind == MediaKind.video.rawValue),
            ("--image", price.image, kind == MediaKind.image.rawValue),
            ("--input", price.input, isText), ("--output", price.output, isText),
        ]
        guard let idle = parts.first(where: { !$0.isCharged && $0.amount.micros != 0 }) else { return }
        let known = parts.filter(\.isCharged).map(\.option).joined(separator: ", ")
        throw KinoraError(.invalidValue, "\(idle.option) never counts for '\(id)'. Known: \(known).")
    }
}

/// The parameters whose values have prices of their own.
private let resolutionNames = ["size", "resolution"]

extension [ParameterRule] {
    /// Whether some task has this size or resolution once its request was checked.
    fileprivate func canGive(_ text: String) -> Bool {
        resolutionNames.contains { name in
            let parameters = try? checked([GivenParameter(name: name, value: .string(text))])
            return resolutionNames.contains { parameters?[$0] == .string(text) }
        }
    }
}

extension ParameterRule {
    /// What it may be, where it is a size or a resolution; no ratios, which stand for sizes.
    fileprivate var resolutions: [String] {
        guard resolutionNames.contains(name) else { return [] }
        return (sizes?.examples ?? allowed).compactMap(\.stringValue).filter { !$0.contains(":") }
    }
}
