import Core
import TestSupport
import Testing

@testable import Store

/// What goes in comes out, and nothing that goes in is ever SQL.
@Suite(.freshDatabase) struct ValueTests {
    let database = TestDatabase.current

    private func first<T>(
        _ sql: String, _ value: Value, _ decode: (Row) throws(KinoraError) -> T
    ) throws -> T? {
        try Connection(database.options).run(Statement("value", sql), [value]).first(decode)
    }

    @Test func integersKeepTheirValue() throws {
        for number in [Int64.min, .min + 1, -1, 0, 1, Int64(Int32.max) + 1, .max] {
            #expect(try first("SELECT $1::bigint", .integer(number)) { $0.integer(0) } == number)
        }
    }

    @Test func narrowIntegersAreReadByTheirWidth() throws {
        #expect(try first("SELECT (-$1::bigint)::smallint", .integer(32767)) { $0.integer(0) } == -32767)
        #expect(
            try first("SELECT (-$1::bigint)::integer", .integer(2_147_483_647)) { $0.integer(0) }
                == -2_147_483_647)
    }

    @Test func realsKeepTheirValue() throws {
        for number in [0, -0.25, 1e-300, 1e300, 0.1, Double(Int64.max)] {
            #expect(try first("SELECT $1::float8", .real(number)) { $0.real(0) } == number)
        }
    }

    static let texts = [
        "", " ", "plain", "Grüße, 世界 🌊", "e\u{301} and \u{e9}", "\u{202e}right to left",
        "line\nbreak\r\ttab",
        "'; DROP TABLE task; --", "\\'; SELECT pg_sleep(9); --", "$1 $2 %s %n {}", "\"quoted\"",
        "back\\slash",
        "{brace,\"d\"}", "NULL", "\u{1}\u{7f}", String(repeating: "長", count: 20_000),
    ]

    @Test func textKeepsItsBytes() throws {
        for text in Self.texts {
            let back = try first("SELECT $1::text", .text(text)) { $0.text(0) }
            #expect(back.map { Array($0.utf8) } == Array(text.utf8))
        }
        #expect(try database.count("task") == 0)
    }

    @Test func arraysKeepEveryText() throws {
        let back = try first("SELECT to_jsonb($1::text[])", .texts(Self.texts)) { row throws(KinoraError) in
            try row.json(0).arrayValue?.compactMap(\.stringValue)
        }
        #expect(back == Self.texts)
        #expect(try first("SELECT cardinality($1::text[])", .texts([])) { $0.integer(0) } == 0)
    }

    @Test func arraysKeepEveryInteger() throws {
        let numbers = [Int64.min, -1, 0, Int64.max]
        let back = try first("SELECT to_jsonb($1::bigint[])", .integers(numbers)) { row throws(KinoraError) in
            try row.json(0).arrayValue?.compactMap(\.integerValue)
        }
        #expect(back == numbers)
        #expect(try first("SELECT cardinality($1::bigint[])", .integers([])) { $0.integer(0) } == 0)
    }

    @Test func bytesKeepTheirValue() throws {
        for bytes in [
            [], [0], [0, 0, 0], Array(UInt8.min...UInt8.max), [UInt8](repeating: 0x5c, count: 70_000),
        ] {
            #expect(try first("SELECT $1::bytea", .bytes(bytes)) { $0.bytes(0) } == bytes)
            #expect(
                try first("SELECT octet_length($1::bytea)", .bytes(bytes)) { $0.integer(0) }
                    == Int64(bytes.count))
        }
    }

    @Test func nullIsNil() throws {
        #expect(try first("SELECT $1::bigint", .null) { $0.optionalInteger(0) } == .some(nil))
        #expect(try first("SELECT $1::text", .optional(nil as String?)) { $0.optionalText(0) } == .some(nil))
        #expect(try first("SELECT $1::timestamptz", .null) { $0.optionalTimestamp(0) } == .some(nil))
        #expect(try first("SELECT $1::uuid", .null) { $0.optionalUID(0) } == .some(nil))
        #expect(try first("SELECT $1::float8", .null) { $0.optionalReal(0) } == .some(nil))
        #expect(try first("SELECT $1::jsonb", .null) { row throws(KinoraError) in try row.json(0) } == .null)
        // An empty text is not null.
        #expect(try first("SELECT $1::text", .text("")) { $0.optionalText(0) } == "")
    }

    @Test func booleansKeepTheirValue() throws {
        for value in [true, false] {
            #expect(try first("SELECT $1::boolean", .bool(value)) { $0.bool(0) } == value)
        }
    }

    @Test func timestampsAreMicrosecondsSince1970() throws {
        for (text, microseconds) in [
            ("1969-12-31T23:59:59.999999Z", -1), ("1970-01-01T00:00:00Z", 0),
            ("1900-01-01T00:00:00Z", -2_208_988_800_000_000),
            ("1999-12-31T23:59:59.999999Z", 946_684_799_999_999),
            ("2000-01-01T00:00:00Z", 946_684_800_000_000),
            ("2026-02-28T12:00:00.5+05:30", 1_772_260_200_500_000),
            ("2262-04-11T23:47:16.854775Z", 9_223_372_036_854_775),
        ] as [(String, Int64)] {
            let read = try first("SELECT $1::timestamptz", .text(text)) { $0.timestamp(0) }
            #expect(read == Timestamp(microseconds: microseconds), "\(text)")
        }
    }

    @Test func uuidsKeepTheirBits() throws {
        let id = TaskID(high: 0x0123_4567_89AB_4DEF, low: 0x8000_0000_0000_0001)
        #expect(try first("SELECT $1::uuid", .uid(id)) { $0.uid(0) } == id)
    }

    @Test func jsonKeepsItsValue() throws {
        let json: JSON = [
            "a": ["\"", "\\", "'", "世"], "n": .integer(.max), "none": .null, "yes": true, "o": [:],
        ]
        let back = try first("SELECT $1::jsonb", .json(json)) { row throws(KinoraError) in try row.json(0) }
        #expect(Set(back?.objectValue?.names ?? []) == ["a", "n", "none", "yes", "o"])
        for name in ["a", "n", "none", "yes", "o"] { #expect(back?[name] == json[name]) }
    }

    /// PostgreSQL cannot keep U+0000, and libpq would end the text there: cut short is worse than refused.
    @Test func aTextWithANULIsRefusedAndNotCutShort() throws {
        for (sql, value) in [
            ("SELECT $1::text", Value.text("a\u{0}b")), ("SELECT $1::text[]", .texts(["a\u{0}b"])),
        ] {
            let error = #expect(throws: KinoraError.self) { _ = try first(sql, value) { $0.text(0) } }
            #expect(error?.code == .invalidValue)
        }
    }

    @Test func hostileTextsTravelAsData() throws {
        let owner = try database.caller()
        let store = database.store()
        for text in Self.texts where text.count <= 128 && !text.isEmpty {
            var task = NewTask.sample(owner, prompt: text)
            task.userIdentifier = text
            task.parameters = ["style": .string(text)]
            task.idempotency = (key: text, fingerprint: [UInt8](repeating: 7, count: 32))
            _ = try #require(try store.submit(task))
            let kept = try #require(try store.task(TaskReference(task.id), of: owner))
            #expect(kept.prompt == text)
            #expect(kept.parameters == task.parameters)
            #expect(try store.replay(of: text, by: owner)?.id == task.id)
        }
        let hostile = "x' OR '1'='1"
        #expect(try store.setAccountState(hostile, to: "active", reason: hostile) == 0)
        #expect(try store.revokeKey(publicID: hostile) == false)
        #expect(try store.replay(of: hostile, by: owner) == nil)
        #expect(try database.count("api_key WHERE revoked_at IS NULL") == 1)
    }
}
