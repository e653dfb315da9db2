/// The time of an HTTP header, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
public struct HTTPDate: Sendable, Equatable {
    public let timestamp: Timestamp

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Nil for any other form, the two that were given up long ago included.
    public init?(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 6, words[0].hasSuffix(","), words[5] == "GMT",
            let day = Int64(words[1]), (1...31).contains(day),
            let month = Self.months.firstIndex(of: String(words[2])),
            let year = Int64(words[3]), (1...9999).contains(year)
        else { return nil }
        let time = words[4].split(separator: ":").map { Int64($0) ?? -1 }
        guard time.count == 3, (0...23).contains(time[0]), (0...59).contains(time[1]),
            (0...60).contains(time[2])
        else { return nil }
        // After Howard Hinnant, as Timestamp.iso8601: years begin in March.
        let marchYear = month < 2 ? year - 1 : year
        let marchMonth = Int64((month + 10) % 12)
        let days =
            365 * marchYear + marchYear / 4 - marchYear / 100 + marchYear / 400 + (153 * marchMonth + 2) / 5
            + day - 719_469
        timestamp = Timestamp(seconds: ((days * 24 + time[0]) * 60 + time[1]) * 60 + time[2])
    }
}
