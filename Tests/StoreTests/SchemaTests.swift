import Core
import Foundation
import Store
import TestSupport
import Testing

@Suite(.freshDatabase) struct SchemaTests {
    let database = TestDatabase.current

    /// `GOLDEN_UPDATE=1` rewrites sql/schema.sql instead of comparing.
    @Test func theSchemaFileIsWhatTheMigrationsMake() throws {
        let path = TestDatabase.sqlDirectory + "/schema.sql"
        let head = """
            -- schema.sql: what sql/migrations/*.up.sql make together, as pg_dump tells it. For readers:
            -- nothing runs it. A test compares it with a fresh database; GOLDEN_UPDATE=1 rewrites it there.


            """
        let dumped = head + (try SchemaDump.text(of: database))
        if ProcessInfo.processInfo.environment["GOLDEN_UPDATE"] == "1" {
            try dumped.write(toFile: path, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == dumped)
    }

    @Test func everyTableColumnViewAndFunctionIsExplained() throws {
        let silent = try database.sql(
            """
            SELECT c.relname FROM pg_class c
            WHERE c.relnamespace = 'kinora'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
                AND obj_description(c.oid, 'pg_class') IS NULL
            UNION ALL
            SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'kinora'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
                AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
            UNION ALL
            SELECT p.proname || '()' FROM pg_proc p
            WHERE p.pronamespace = 'kinora'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
            """)
        #expect(silent.isEmpty)
    }

    @Test func everyConstraintIndexAndTriggerStartsWithItsTable() throws {
        let foreign = try database.sql(
            """
            SELECT t.relname, x.name FROM pg_class t JOIN (
                SELECT conrelid AS rel, conname AS name FROM pg_constraint
                UNION ALL SELECT i.indrelid, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                UNION ALL SELECT tgrelid, tgname FROM pg_trigger WHERE NOT tgisinternal) x ON x.rel = t.oid
            WHERE t.relnamespace = 'kinora'::regnamespace AND NOT starts_with(x.name, t.relname || '_')
            """)
        #expect(foreign.isEmpty)
    }

    /// A name that PostgreSQL made up says which column is wrong, not which rule was broken.
    @Test func everyCheckHasANameOfItsOwn() throws {
        let nameless = try database.sql(
            """
            SELECT conrelid::regclass, conname FROM pg_constraint
            WHERE connamespace = 'kinora'::regnamespace AND contype = 'c' AND conname ~ '_check\\d*$'
            """)
        #expect(nameless.isEmpty)
    }

    @Test func everyCheckListsWhatTheSwiftEnumLists() throws {
        let lists = [
            ("task_state_known", TaskState.allCases.map(\.rawValue)),
            ("task_phase_known", TaskPhase.allCases.map(\.rawValue)),
            ("task_kind_known", MediaKind.allCases.map(\.rawValue)),
            ("model_category_known", Category.allCases.map(\.rawValue)),
            ("api_key_content_mode_known", KeyOptions.ContentMode.allCases.map(\.rawValue)),
            ("task_finished_iff_final", TaskState.allCases.filter(\.isFinal).map(\.rawValue)),
            ("event_log_level_known", EventRecord.Level.allCases.map(\.rawValue)),
            ("task_due_iff_open", TaskState.allCases.filter { !$0.isFinal }.map(\.rawValue)),
        ]
        for (constraint, words) in lists {
            let rule = try database.value(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '\(constraint)'")
            let listed = try #require(rule, "\(constraint)").matches(of: /'([^']*)'::text/).map {
                String($0.output.1)
            }
            #expect(listed.sorted() == words.sorted(), "\(constraint)")
        }
    }

    @Test func everyMediaTypeMayBeStored() throws {
        let owner = try database.caller()
        for type in MediaType.allCases {
            let media = StoredMedia(sha256: String(repeating: "a1", count: 32), bytes: 1, type: type)
            #expect(try database.store().putAsset(media, owner: owner.userID) > 0, "\(type)")
        }
    }
}
