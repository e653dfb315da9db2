/// One SQL statement with a name: prepared under it, seen under it in pg_prepared_statements, found by grep.
public struct Statement: Sendable, Hashable, CustomStringConvertible {
    public let name: String
    public let sql: String

    init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = sql
    }

    public var description: String { name }

    /// Every statement of the store; a test prepares each on a real database.
    public static let all: [Statement] =
        tasks + limits + claims + waiting + settlements + cancellations + removals + webhooks + workers
        + configuration + administration + checks + webhookAdministration + logs + logReading + money + codes
        + usage + routes + relays + reports + bridge + cameos
}
