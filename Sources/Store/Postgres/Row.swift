import CPostgres
public import Core

/// One row of a result, read in PostgreSQL's binary format. Valid while its `Rows` are.
public struct Row {
    let result: OpaquePointer
    let index: Int32

    private func field(_ column: Int) -> UnsafeRawBufferPointer? {
        let c = Int32(column)
        guard PQgetisnull(result, index, c) == 0 else { return nil }
        return UnsafeRawBufferPointer(
            start: PQgetvalue(result, index, c), count: Int(PQgetlength(result, index, c)))
    }

    /// smallint, integer or bigint; nil for NULL.
    public func optionalInteger(_ column: Int) -> Int64? {
        guard let bytes = field(column) else { return nil }
        switch bytes.count {
        case 2: return Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
        case 4: return Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
        default: return Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        }
    }

    public func integer(_ column: Int) -> Int64 { optionalInteger(column) ?? 0 }

    /// double precision or real; nil for NULL.
    public func optionalReal(_ column: Int) -> Double? {
        guard let bytes = field(column) else { return nil }
        return bytes.count == 4
            ? Double(Float(bitPattern: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))))
            : Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
    }

    public func real(_ column: Int) -> Double { optionalReal(column) ?? 0 }

    public func optionalText(_ column: Int) -> String? {
        field(column).map { String(decoding: $0, as: UTF8.self) }
    }
    public func text(_ column: Int) -> String { optionalText(column) ?? "" }
    public func bool(_ column: Int) -> Bool { field(column)?.first == 1 }
    public func bytes(_ column: Int) -> [UInt8] { field(column).map(Array.init) ?? [] }

    /// timestamptz; nil for NULL. PostgreSQL counts microseconds from 2000-01-01.
    public func optionalTimestamp(_ column: Int) -> Timestamp? {
        optionalInteger(column).map { Timestamp(microseconds: $0.addingClamped(946_684_800_000_000)) }
    }

    public func timestamp(_ column: Int) -> Timestamp {
        optionalTimestamp(column) ?? Timestamp(microseconds: 0)
    }

    /// uuid; nil for NULL.
    public func optionalUID(_ column: Int) -> TaskID? {
        guard let bytes = field(column), bytes.count == 16 else { return nil }
        return TaskID(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    public func uid(_ column: Int) -> TaskID { optionalUID(column) ?? TaskID(high: 0, low: 0) }

    /// jsonb, whose binary format is a version byte and the text.
    public func json(_ column: Int) throws(KinoraError) -> JSON {
        guard let bytes = field(column) else { return .null }
        return try JSONParser.parse(Array(bytes.dropFirst(bytes.first == 1 ? 1 : 0)))
    }
}

/// A result and its rows.
public struct Rows: ~Copyable {
    private let result: OpaquePointer

    init(_ result: OpaquePointer) { self.result = result }

    deinit { PQclear(result) }

    public var count: Int { Int(PQntuples(result)) }
    /// Rows that an INSERT, UPDATE or DELETE without RETURNING touched.
    public var affected: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

    public borrowing func map<T>(_ decode: (Row) throws(KinoraError) -> T) throws(KinoraError) -> [T] {
        var values: [T] = []
        values.reserveCapacity(count)
        for index in 0..<count { values.append(try decode(Row(result: result, index: Int32(index)))) }
        return values
    }

    public borrowing func forEach(_ body: (Row) -> Void) {
        for index in 0..<count { body(Row(result: result, index: Int32(index))) }
    }

    public borrowing func first<T>(_ decode: (Row) throws(KinoraError) -> T) throws(KinoraError) -> T? {
        count == 0 ? nil : try decode(Row(result: result, index: 0))
    }
}
