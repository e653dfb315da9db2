import TestSupport
import Testing

@testable import Store

@Suite(.freshDatabase) struct RoleTests {
    let database = TestDatabase.current

    private func session(_ role: String) throws -> SQLSession {
        let session = try database.newSession()
        try session.rows("SET ROLE \(role)")
        return session
    }

    @Test func theAppChangesNoStructureAndNoHistory() throws {
        let app = try session("kinora_app")
        for statement in [
            "CREATE TABLE kinora.mine ()", "CREATE TABLE public.mine ()", "DROP TABLE task",
            "ALTER TABLE task ADD COLUMN more integer", "CREATE SCHEMA mine", "TRUNCATE task CASCADE",
            "DROP TRIGGER task_guard ON task", "ALTER TABLE task DISABLE TRIGGER ALL", "DELETE FROM task",
            "DELETE FROM app_user", "DELETE FROM api_key", "DELETE FROM account", "DELETE FROM attempt",
            "DELETE FROM task_input", "DELETE FROM config_version", "CREATE ROLE mine",
            "SELECT * FROM kinora_migration.applied", "DELETE FROM request_log", "DELETE FROM event_log",
            "UPDATE request_log SET status = 200", "UPDATE event_log SET level = 'info'",
            "CREATE TABLE kinora_log.mine ()",
        ] {
            let failure = #expect(throws: SQLFailure.self, "\(statement)") { try app.rows(statement) }
            #expect(failure?.state == "42501", "\(statement)")
        }
    }

    @Test func theReaderReadsTasksAndViews() throws {
        let reader = try session("kinora_read")
        for relation in [
            "task", "task_input", "attempt", "model", "route", "worker", "setting", "v_queue",
            "v_account_load", "v_stuck_task", "webhook_delivery",
            "request_log", "event_log", "v_request_failure",
            "price", "wallet", "key_spend", "ledger", "v_ledger_fault", "usage_day",
            "v_usage", "v_spend_by_day",
        ] {
            #expect(throws: Never.self, "\(relation)") { try reader.rows("SELECT * FROM \(relation)") }
        }
        #expect(throws: Never.self) { try reader.rows("SELECT id, name, state FROM account") }
        #expect(throws: Never.self) { try reader.rows("SELECT id, public_id, revoked_at FROM api_key") }
        #expect(throws: Never.self) { try reader.rows("SELECT id, name, role FROM app_user") }
    }

    @Test func theReaderSeesNoSecret() throws {
        let reader = try session("kinora_read")
        for (table, column) in [
            ("app_user", "password_hash"), ("api_key", "secret_hash"), ("account", "credential_sealed"),
            ("account", "base_url"), ("account", "proxy_url"), ("account", "*"), ("api_key", "*"),
            ("app_user", "*"), ("webhook_endpoint", "url"), ("webhook_endpoint", "secret_sealed"),
            ("redemption_code", "code_hash"), ("redemption_code", "*"),
        ] {
            let select = "SELECT \(column) FROM \(table)"
            let failure = #expect(throws: SQLFailure.self, "\(select)") { try reader.rows(select) }
            #expect(failure?.state == "42501", "\(select)")
        }
    }

    /// A column whose comment calls it secret is out of the reader's sight: forgetting a new one fails here.
    @Test func whateverIsCalledSecretIsHidden() throws {
        let seen = try database.sql(
            """
            SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relnamespace = 'kinora'::regnamespace AND a.attnum > 0
                AND col_description(c.oid, a.attnum) ~ 'Secret\\.'
                AND has_column_privilege('kinora_read', c.oid, a.attnum, 'SELECT')
            """)
        #expect(seen.isEmpty)
        let tables = ["account", "api_key", "app_user", "redemption_code", "webhook_endpoint"].map {
            "'\($0)'::regclass"
        }
        let secrets =
            "pg_description WHERE objoid IN (\(tables.joined(separator: ", "))) AND description ~ 'Secret\\.'"
        #expect(try database.count(secrets) == 6)
    }

    @Test func theReaderWritesNothing() throws {
        let reader = try session("kinora_read")
        for statement in [
            "UPDATE task SET priority = 1", "INSERT INTO setting VALUES ('a', '1', '')",
            "DELETE FROM worker", "UPDATE account SET state = 'active'", "SELECT keep_logs(0, now())",
        ] {
            let failure = #expect(throws: SQLFailure.self) { try reader.rows(statement) }
            #expect(failure?.state == "42501", "\(statement)")
        }
    }

    @Test func everySessionOfTheStoreIsTheApp() throws {
        let connection = try Connection(database.options)
        let role = try connection.run(Statement("who", "SELECT current_user::text")).first { $0.text(0) }
        #expect(role == "kinora_app")
    }
}
