/// The media types Kinora takes in or gives out, recognised by their first bytes.
public enum MediaType: String, Sendable, CaseIterable {
    case png = "image/png"
    case jpeg = "image/jpeg"
    case webp = "image/webp"
    case gif = "image/gif"
    case mp4 = "video/mp4"
    case quicktime = "video/quicktime"
    case webm = "video/webm"
    case wav = "audio/wav"
    case mp3 = "audio/mpeg"

    public enum Family: String, Sendable { case image, video, audio }

    public var family: Family {
        switch self {
        case .png, .jpeg, .webp, .gif: .image
        case .mp4, .quicktime, .webm: .video
        case .wav, .mp3: .audio
        }
    }

    /// For people.
    public var name: String {
        switch self {
        case .png: "PNG"
        case .jpeg: "JPEG"
        case .webp: "WebP"
        case .gif: "GIF"
        case .mp4: "MP4"
        case .quicktime: "QuickTime"
        case .webm: "WebM"
        case .wav: "WAV"
        case .mp3: "MP3"
        }
    }

    public var fileExtension: String {
        switch self {
        case .png: "png"
        case .jpeg: "jpg"
        case .webp: "webp"
        case .gif: "gif"
        case .mp4: "mp4"
        case .quicktime: "mov"
        case .webm: "webm"
        case .wav: "wav"
        case .mp3: "mp3"
        }
    }

    /// How many leading bytes `init(sniffing:)` wants to see.
    public static let sniffBytes = 16

    /// Pictures and sounds that come in MP4's container: HEIC, AVIF, Canon raw, AAC.
    private static let brandsOfNoVideo: [StaticString] = [
        "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "mif2", "msf1", "miaf",
        "avif", "avis", "crx ", "M4A ", "M4B ", "M4P ",
    ]

    /// Names the type of a file from its first bytes; nil when they match none.
    public init?(sniffing head: some Collection<UInt8>) {
        let b = Array(head.prefix(Self.sniffBytes))
        func has(_ text: StaticString, at offset: Int = 0) -> Bool {
            text.withUTF8Buffer { b.dropFirst(offset).starts(with: $0) }
        }
        if b.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if b.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if has("RIFF"), has("WEBP", at: 8) {
            self = .webp
        } else if has("RIFF"), has("WAVE", at: 8) {
            self = .wav
        } else if has("GIF87a") || has("GIF89a") {
            self = .gif
        } else if has("ftypqt", at: 4) {
            self = .quicktime
        } else if has("ftyp", at: 4), !Self.brandsOfNoVideo.contains(where: { has($0, at: 8) }) {
            self = .mp4
        } else if b.starts(with: [0x1A, 0x45, 0xDF, 0xA3]) {
            self = .webm
        } else if has("ID3") || (b.count > 1 && b[0] == 0xFF && b[1] & 0xE6 == 0xE2) {
            self = .mp3
        } else {
            return nil
        }
    }
}
