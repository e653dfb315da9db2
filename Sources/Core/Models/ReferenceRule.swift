/// What media of one kind may be given with a request. Kept beside the parameters in
/// model_category.parameters.
public struct ReferenceRule: Sendable, Equatable {
    public let family: MediaType.Family
    /// How many there must be, and may be.
    public let count: ClosedRange<Int>
    /// The types that are taken, never none: those of the family that the model's vendor takes.
    public let types: [MediaType]
    /// Most bytes of one.
    public let bytesMax: Int
    /// Shortest and longest length of one sound, in seconds; nil: any.
    public let seconds: ClosedRange<Double>?
    /// Longest length of all sounds together, in seconds.
    public let secondsTotalMax: Double?

    /// `types` nil: all of the family.
    public init(
        _ family: MediaType.Family, count: ClosedRange<Int>, types: [MediaType]? = nil,
        bytesMax: Int = Limits.referenceBytesMax, seconds: ClosedRange<Double>? = nil,
        secondsTotalMax: Double? = nil
    ) {
        self.family = family
        self.count = count
        self.types = types ?? Self.types(of: family)
        self.bytesMax = bytesMax
        self.seconds = seconds
        self.secondsTotalMax = secondsTotalMax
    }

    /// Reads a rule from its row. Nil when the row is none of this kind, or makes no sense.
    public init?(_ json: JSON) {
        guard json["type"] == "media",
            let family = json["media"]?.stringValue.flatMap(MediaType.Family.init(rawValue:)),
            let most = json["maximum"]?.integerValue, case let least = json["minimum"]?.integerValue ?? 0,
            0 <= least, least <= most, most <= Limits.formFilesMax
        else { return nil }
        let shortest = json["seconds_min"]?.doubleValue ?? 0
        let longest = json["seconds_max"]?.doubleValue
        guard shortest <= longest ?? .infinity else { return nil }
        let known = Self.types(of: family)
        let listed = json["types"] ?? .array(known.map { .string($0.rawValue) })
        let names = listed.arrayValue?.map(\.stringValue) ?? []
        let types = known.filter { names.contains($0.rawValue) }
        guard !types.isEmpty, types.count == names.count else { return nil }
        self.init(
            family, count: Int(least)...Int(most), types: types,
            bytesMax: min(
                json["bytes_max"]?.integerValue.map { Int(clamping: $0) } ?? Limits.referenceBytesMax,
                Limits.referenceBytesMax),
            seconds: longest.map { shortest...$0 },
            secondsTotalMax: json["seconds_total_max"]?.doubleValue)
    }

    /// What a category takes whose row says nothing of media: one picture, where it takes media at all.
    public static func usual(of category: Category) -> [ReferenceRule] {
        switch category {
        case .i2v, .i2i, .ref2v: [ReferenceRule(.image, count: 1...1)]
        case .t2v, .t2i, .v2v, .t2t, .t2e: []
        }
    }

    /// The types of a family that any model may take.
    public static func types(of family: MediaType.Family) -> [MediaType] {
        switch family {
        case .image: [.png, .jpeg, .webp]
        case .audio: [.wav, .mp3]
        case .video: [.mp4, .quicktime, .webm]
        }
    }

    /// The types for people: "a PNG, JPEG or WebP image".
    public var typeNames: String {
        let names = types.map(\.name)
        let others = names.dropLast().joined(separator: ", ")
        let list = (others.isEmpty ? "" : "\(others) or ") + (names.last ?? "")
        return switch family {
        case .image: "a \(list) image"
        case .audio: "\(list) audio"
        case .video: "\(types.first == .mp4 ? "an" : "a") \(list) video"
        }
    }
}
