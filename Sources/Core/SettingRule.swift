/// A setting that an operator may change while Kinora runs: a row of `setting`, a whole number.
public struct SettingRule: Sendable, Equatable {
    public let name: String
    public let range: ClosedRange<Int64>
    /// What holds without a row.
    public let defaultValue: Int64
    public let description: String

    public static let imageTimeout = SettingRule(
        name: "image_timeout", range: 1...Limits.timeoutSecondsMax, defaultValue: 300,
        description: "Seconds an image task may run before it fails.")
    public static let videoTimeout = SettingRule(
        name: "video_timeout", range: 1...Limits.timeoutSecondsMax, defaultValue: 1800,
        description: "Seconds a video task may run before it fails.")
    public static let errorBanThreshold = SettingRule(
        name: "error_ban_threshold", range: 0...1_000_000, defaultValue: 5,
        description: "Errors of an account without a success between them that disable it; 0: never.")
    public static let maxWaitingTasks = SettingRule(
        name: "max_waiting_tasks", range: 0...1_000_000, defaultValue: 10_000,
        description: "Tasks of one family of models that may wait for a free slot; 0: refuse when no slot is "
            + "free.")

    /// Settings that are there whatever models there are.
    public static let all = [errorBanThreshold, imageTimeout, maxWaitingTasks, videoTimeout]

    /// The bound of one family's line; without a row `max_waiting_tasks` holds for it.
    public static func maxWaitingTasks(of family: String) -> SettingRule {
        SettingRule(
            name: "\(maxWaitingTasks.name)_\(family.replacing("-", with: "_"))",
            range: maxWaitingTasks.range, defaultValue: maxWaitingTasks.defaultValue,
            description: "As max_waiting_tasks, for models of the family \(family) alone.")
    }

    /// Everything that may be set, by name.
    public static func all(families: Set<String>) -> [SettingRule] {
        (all + families.map(maxWaitingTasks(of:))).sorted { $0.name < $1.name }
    }

    /// What holds, given the rows. A value that makes no sense is moved to where it does.
    public func value(in settings: [String: JSON]) -> Int64 {
        min(max(settings[name]?.integerValue ?? defaultValue, range.lowerBound), range.upperBound)
    }
}
