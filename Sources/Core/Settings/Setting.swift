/// What an operator may change while Kinora runs: a row of `setting`.
public protocol Setting: Sendable {
    var name: String { get }
    var description: String { get }
    /// What a value may be, as in "it must be …".
    var form: String { get }
    /// What holds without a row; null: what another setting says.
    var defaultJSON: JSON { get }
    /// The value that a text spells; nil: it may not be one.
    func value(spelled text: String) -> JSON?
}

/// Settings by name.
public enum Settings {
    /// Those that are there whatever models there are.
    public static let all: [any Setting] = NumberSetting.all + TextSetting.all

    /// Everything that may be set.
    public static func all(families: Set<String>) -> [any Setting] {
        (all + families.map(NumberSetting.maxWaitingTasks(of:))).sorted { $0.name < $1.name }
    }
}
