#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The sizes a model makes pictures in. Three kinds of models: with a list of sizes; with any size whose
/// sides are multiples of a number; with levels (`1k`, `2k`, `4k`) that each have the same ratios. A ratio,
/// `16:9`, stands for the listed size that comes nearest to it.
public struct PictureSizes: Sendable, Equatable {
    struct Size: Sendable, Equatable {
        let width: Int
        let height: Int

        /// Reads `1280x720`.
        init?(_ text: String) {
            guard let (width, height) = PictureSizes.pair(text, "x", digitsMax: 5) else { return nil }
            (self.width, self.height) = (width, height)
        }

        var text: String { "\(width)x\(height)" }
        var ratio: Double { Double(width) / Double(height) }
    }

    struct Level: Sendable, Equatable {
        let name: String
        let sizes: [Size]
    }

    private let listed: [Size]
    /// Whether the vendor may choose.
    private let mayBeAuto: Bool
    private let multiple: Int?
    private let longest: Int
    private let levels: [Level]
    private let usualLevel: String
    private let usualRatio: Double

    /// Reads `allowed`, `multiple` and `longest`, or `levels`, `level` and `ratio`, of a rule's row. Nil when
    /// they make no sense.
    init?(_ json: JSON) {
        let allowed = json["allowed"]?.arrayValue?.compactMap(\.stringValue) ?? []
        mayBeAuto = allowed.contains("auto")
        multiple = json["multiple"]?.integerValue.map(Int.init)
        longest = json["longest"]?.integerValue.map(Int.init) ?? 3840
        levels = (json["levels"]?.objectValue?.members ?? []).map { name, sizes in
            Level(
                name: name, sizes: (sizes.arrayValue ?? []).compactMap { $0.stringValue.flatMap(Size.init) })
        }
        listed = levels.isEmpty ? allowed.compactMap(Size.init) : levels.flatMap(\.sizes)
        usualLevel = json["level"]?.stringValue ?? levels.first?.name ?? ""
        let ratio = json["ratio"]?.stringValue
        usualRatio = ratio.flatMap(Self.ratio) ?? 1
        let areLevelsSound =
            levels.allSatisfy { !$0.sizes.isEmpty }
            && (levels.isEmpty || levels.contains { $0.name == usualLevel })
        let isRatioSound = ratio.map { Self.ratio($0) != nil } ?? true
        guard !listed.isEmpty, areLevelsSound, isRatioSound, multiple ?? 1 > 0 else { return nil }
    }

    var hasLevels: Bool { !levels.isEmpty }

    /// Sizes that are listed, and a ratio.
    public var examples: [JSON] { (mayBeAuto ? ["auto"] : []) + listed.map { .string($0.text) } + ["16:9"] }

    /// Two whole numbers above zero, none with a sign.
    static func pair(_ text: String, _ mark: Character, digitsMax: Int) -> (Int, Int)? {
        guard text.utf8.count <= 2 * digitsMax + 1 else { return nil }
        let halves = text.split(separator: mark, omittingEmptySubsequences: false)
        guard halves.count == 2,
            halves.allSatisfy({
                (1...digitsMax).contains($0.utf8.count) && $0.utf8.allSatisfy { (0x30...0x39).contains($0) }
            }),
            let first = Int(halves[0]), let second = Int(halves[1]), first > 0, second > 0
        else { return nil }
        return (first, second)
    }

    static func ratio(_ text: String) -> Double? {
        pair(text, ":", digitsMax: 4).map { Double($0.0) / Double($0.1) }
    }

    /// The same factor counts the same, in either direction.
    private static func nearest(to ratio: Double, in sizes: [Size]) -> Size {
        func distance(_ size: Size) -> Double { abs(log(size.ratio / ratio)) }
        return sizes.dropFirst().reduce(sizes[0]) { distance($1) < distance($0) ? $1 : $0 }
    }

    /// The size that a text stands for.
    func size(_ text: String, field: String) throws(KinoraError) -> String {
        if text == "auto", mayBeAuto { return text }
        if let ratio = Self.ratio(text) { return Self.nearest(to: ratio, in: listed).text }
        if let size = Size(text), listed.contains(size) || isFree(size) { return size.text }
        throw refusal(field)
    }

    private func isFree(_ size: Size) -> Bool {
        guard let multiple else { return false }
        return size.width % multiple == 0 && size.height % multiple == 0
            && max(size.width, size.height) <= longest && (1.0 / 3...3).contains(size.ratio)
    }

    private func refusal(_ field: String) -> KinoraError {
        let list = (mayBeAuto ? ["auto"] : []) + listed.map(\.text)
        let others =
            multiple.map { ", any WIDTHxHEIGHT in multiples of \($0) up to \(longest) and 3:1" } ?? ""
        let message =
            hasLevels
            ? "'\(field)' must be WIDTHxHEIGHT or a ratio such as 16:9."
            : "'\(field)' must be one of: \(list.joined(separator: ", "))\(others), or a ratio such as 16:9."
        return KinoraError(.invalidValue, message, field: field)
    }

    // Levels

    private static let qualities = ["high": 2, "hd": 2, "standard": 1, "medium": 1, "low": 0]
    /// Longest side of the first and the second level; what is longer belongs to the last.
    private static let bounds = [1280, 3072]

    /// `ratio` and `resolution` win over `size`, and `resolution` over `quality`. Adds size, ratio and
    /// resolution.
    func choose(from given: [GivenParameter], into result: inout Parameters) throws(KinoraError) {
        func text(_ name: String) throws(KinoraError) -> (text: String, field: String)? {
            guard let parameter = given.last(where: { $0.name == name && !$0.value.isNull }) else {
                return nil
            }
            guard let text = parameter.value.stringValue else {
                throw KinoraError(
                    .invalidValue, "'\(parameter.field)' must be a string, not \(parameter.value.kindName).",
                    field: parameter.field)
            }
            return (text, parameter.field)
        }
        var level = levels.first { $0.name == usualLevel }!
        var ratio = usualRatio
        if let (text, field) = try text("quality") {
            guard let index = Self.qualities[text], index < levels.count else {
                throw Self.unknown(field, Self.qualities.keys.sorted())
            }
            level = levels[index]
        }
        if let (text, field) = try text("size") {
            if let asked = Self.ratio(text) {
                ratio = asked
            } else if let size = Size(text) {
                ratio = size.ratio
                let longSide = max(size.width, size.height)
                let index = Self.bounds.firstIndex { longSide <= $0 } ?? Self.bounds.count
                level = levels[min(index, levels.count - 1)]
            } else {
                throw refusal(field)
            }
        }
        if let (text, field) = try text("resolution") {
            guard let named = levels.first(where: { $0.name == text.lowercased() }) else {
                throw Self.unknown(field, levels.map(\.name))
            }
            level = named
        }
        if let (text, field) = try text("ratio") {
            guard let asked = Self.ratio(text) else { throw refusal(field) }
            ratio = asked
        }
        let size = Self.nearest(to: ratio, in: level.sizes)
        result["size"] = .string(size.text)
        result["ratio"] = .string(Self.name(of: size))
        result["resolution"] = .string(level.name)
    }

    private static func unknown(_ field: String, _ words: [String]) -> KinoraError {
        KinoraError(
            .invalidValue, "'\(field)' must be one of: \(words.joined(separator: ", ")).", field: field)
    }

    private static let names = ["1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9", "9:21"]

    /// Vendors round pixels: 1195x512 is called 21:9.
    static func name(of size: Size) -> String {
        let distances = names.map { name in abs(log(size.ratio / (ratio(name) ?? 1))) }
        return names[distances.indices.min { distances[$0] < distances[$1] } ?? 0]
    }
}
