/// Which tasks are started before which others. Lower is sooner, and nothing is started while something lower
/// waits for the same slot.
public enum TaskPriority: Int64, Sendable, CaseIterable {
    case ordinary = 0
    /// Its client lets it wait: it is started in the window of the setting `off_peak_window` only. SQL takes
    /// every priority from here on for off-peak.
    case offPeak = 10
}
