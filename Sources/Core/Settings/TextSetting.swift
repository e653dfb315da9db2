/// A setting that is a text. What reads it is SQL, and constraints of the table `setting` know the form too.
public struct TextSetting: Setting {
    public let name: String
    public let form: String
    /// What holds without a row.
    public let defaultValue: String
    public let description: String
    private let isWellFormed: @Sendable (String) -> Bool

    public static let offPeakWindow = TextSetting(
        name: "off_peak_window",
        form: "empty, or times such as 22:00-08:00, several with commas between them",
        defaultValue: "",
        description: "When off-peak tasks are started, such as 22:00-08:00 or 12:00-14:00,22:00-08:00; "
            + "empty: at any time."
    ) {
        let window = /([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]/
        return $0.isEmpty
            || $0.split(separator: ",", omittingEmptySubsequences: false).allSatisfy {
                $0.wholeMatch(of: window) != nil
            }
    }
    /// Which names there are the database knows: `Store.knowsTimeZone`.
    public static let offPeakTimeZone = TextSetting(
        name: "off_peak_time_zone", form: "the name of a time zone, such as Asia/Shanghai",
        defaultValue: "UTC", description: "The time zone of off_peak_window, such as Asia/Shanghai."
    ) { !$0.isEmpty }

    public static let defaultVideoModel = TextSetting(
        name: "default_video_model", form: "the id of a model", defaultValue: "sora-2",
        description: "The model of requests for videos that name none, where the key may use it.",
        isWellFormed: isModelID)
    public static let defaultImageModel = TextSetting(
        name: "default_image_model", form: "the id of a model", defaultValue: "gpt-image-2",
        description: "The model of requests for pictures that name none, where the key may use it.",
        isWellFormed: isModelID)

    @Sendable private static func isModelID(_ text: String) -> Bool {
        text.wholeMatch(of: /[a-zA-Z0-9][a-zA-Z0-9._:\/-]{0,99}/) != nil
    }

    public static let all = [defaultImageModel, defaultVideoModel, offPeakTimeZone, offPeakWindow]

    public var defaultJSON: JSON { .string(defaultValue) }

    /// What holds, given the rows.
    public func value(in settings: [String: JSON]) -> String {
        settings[name]?.stringValue ?? defaultValue
    }

    public func value(spelled text: String) -> JSON? { isWellFormed(text) ? .string(text) : nil }
}
