/// What media of one kind may be given with a request. Kept beside the parameters in
/// model_category.parameters.
public struct ReferenceRule: Sendable, Equatable {
    public let family: MediaType.Family
    /// How many there must be, and may be.
    public let count: ClosedRange<Int>
    /// Most bytes of one.
    public let bytesMax: Int
    /// Shortest and longest length of one sound, in seconds; nil: any.
    public let seconds: ClosedRange<Double>?
    /// Longest length of all sounds together, in seconds.
    public let secondsTotalMax: Double?

    public init(
        _ family: MediaType.Family, count: ClosedRange<Int>, bytesMax: Int = Limits.referenceBytesMax,
        seconds: ClosedRange<Double>? = nil, secondsTotalMax: Double? = nil
    ) {
        self.family = family
        self.count = count
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
        self.init(
            family, count: Int(least)...Int(most),
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

    /// The types that are taken of a family.
    public static func types(of family: MediaType.Family) -> [MediaType] {
        switch family {
        case .image: [.png, .jpeg, .webp]
        case .audio: [.wav, .mp3]
        case .video: [.mp4, .quicktime, .webm]
        }
    }

    /// For people: "a PNG, JPEG or WebP image".
    public static func names(of family: MediaType.Family) -> String {
        switch family {
        case .image: "a PNG, JPEG or WebP image"
        case .audio: "WAV or MP3 audio"
        case .video: "an MP4, QuickTime or WebM video"
        }
    }
}
