/// A setting that is a whole number.
public struct NumberSetting: Setting, Equatable {
    public let name: String
    public let range: ClosedRange<Int64>
    /// What holds without a row.
    public let defaultValue: Int64
    /// False: without a row another setting holds.
    public var hasDefault = true
    public let description: String

    public static let imageTimeout = NumberSetting(
        name: "image_timeout", range: 1...Limits.timeoutSecondsMax, defaultValue: 300,
        description: "Seconds an image task may run before it fails.")
    public static let videoTimeout = NumberSetting(
        name: "video_timeout", range: 1...Limits.timeoutSecondsMax, defaultValue: 1800,
        description: "Seconds a video task may run before it fails.")
    public static let queueTimeout = NumberSetting(
        name: "queue_timeout", range: 0...31_536_000, defaultValue: 604_800,
        description: "Seconds a task may wait for its first account before it expires; 0: for ever.")
    public static let imageWait = NumberSetting(
        name: "image_wait_seconds", range: 1...Int64(Limits.syncWaitSecondsMax), defaultValue: 120,
        description: "Seconds a request for a picture waits for it; then it is told the task, which goes on.")
    public static let videoWait = NumberSetting(
        name: "video_wait_seconds", range: 1...Int64(Limits.syncWaitSecondsMax), defaultValue: 600,
        description: "Seconds a request for a video waits for it, where it asks for the video and no task.")
    public static let errorBanThreshold = NumberSetting(
        name: "error_ban_threshold", range: 0...1_000_000, defaultValue: 5,
        description: "Errors of an account without a success between them that disable it; 0: never.")
    public static let maxWaitingTasks = NumberSetting(
        name: "max_waiting_tasks", range: 0...10_000_000, defaultValue: 10_000,
        description: "Tasks of one family of models that may wait for a free slot; 0: refuse when no slot is "
            + "free.")
    public static let lowCreditThreshold = NumberSetting(
        name: "low_credit_threshold", range: 0...1_000_000_000, defaultValue: 0,
        description: "Credits of an account below which a refresh warns, once until it has more; 0: never.")
    public static let creditsRefreshMinutes = NumberSetting(
        name: "credits_refresh_minutes", range: 0...10_080, defaultValue: 60,
        description: "Minutes between two readings of an account's credit, a quarter for one that cannot "
            + "pay; 0: none.")

    public static let eventLog = NumberSetting(
        name: "event_log", range: 0...2, defaultValue: 2,
        description: "Events that are logged: 0 none, 1 warnings and errors, 2 all.")
    public static let logRetentionDays = NumberSetting(
        name: "log_retention_days", range: 0...366, defaultValue: 14,
        description: "Days that the logs of requests and events are kept; 0: none are kept.")
    public static let relayFirstByte = NumberSetting(
        name: "relay_first_byte_seconds", range: 1...300, defaultValue: 120,
        description: "Seconds that a text model may take before its answer begins; then another account is "
            + "tried.")
    public static let relayIdle = NumberSetting(
        name: "relay_idle_seconds", range: 1...300, defaultValue: 60,
        description: "Seconds without a byte that end a text model's answer which has begun.")
    public static let relayTotal = NumberSetting(
        name: "relay_total_seconds", range: 1...3600, defaultValue: 600,
        description: "Seconds that a request to a text model may take, all tries together.")
    public static let requestLog = NumberSetting(
        name: "request_log", range: 0...3, defaultValue: 2,
        description: "Requests that are logged: 0 none, 1 those that failed, 2 also those that change "
            + "something, 3 all.")

    public static let all = [
        creditsRefreshMinutes, errorBanThreshold, eventLog, imageTimeout, imageWait, logRetentionDays,
        lowCreditThreshold, maxWaitingTasks, queueTimeout, relayFirstByte, relayIdle, relayTotal, requestLog,
        videoTimeout, videoWait,
    ]

    /// Families whose clients know a line of that length from the service that the family stems from.
    private static let familiarWaitingMax: [String: Int64] = ["openart": 3]

    /// The bound of one family's line; most have none of their own, and without a row `max_waiting_tasks`
    /// holds for them.
    public static func maxWaitingTasks(of family: String) -> NumberSetting {
        let familiar = familiarWaitingMax[family]
        return NumberSetting(
            name: "\(maxWaitingTasks.name)_\(family.replacing("-", with: "_"))",
            range: maxWaitingTasks.range, defaultValue: familiar ?? maxWaitingTasks.defaultValue,
            hasDefault: familiar != nil,
            description: "As max_waiting_tasks, for models of the family \(family) alone.")
    }

    public var form: String { "a whole number from \(range.lowerBound) to \(range.upperBound)" }

    public var defaultJSON: JSON { hasDefault ? .integer(defaultValue) : .null }

    public func value(spelled text: String) -> JSON? {
        Int64(text).flatMap { range.contains($0) ? .integer($0) : nil }
    }

    /// What holds, given the rows. A value that makes no sense is moved to where it does.
    public func value(in settings: [String: JSON]) -> Int64 {
        min(max(settings[name]?.integerValue ?? defaultValue, range.lowerBound), range.upperBound)
    }
}
