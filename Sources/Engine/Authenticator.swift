import Crypto
import Core
import Store

/// Tells who sends a request, from memory alone.
struct Authenticator: Sendable {
    let cache: SnapshotCache
    let clock: any WallClock

    /// The caller behind `Authorization: Bearer` or `X-API-Key`. Two different keys are refused.
    func caller(of head: RequestHead) throws(KinoraError) -> Caller {
        let bearer = Self.bearer(head.authorization.revealed())
        let header = head.apiKeyHeader.revealed()
        if let bearer, !header.isEmpty, bearer != header { throw KinoraError(.invalidKey) }
        guard let text = bearer ?? (header.isEmpty ? nil : header) else {
            throw KinoraError(.missingKey)
        }
        // An unknown id is compared as well, with a hash that fits nothing: both refusals take the same time.
        guard let key = APIKey(text) else { throw KinoraError(.invalidKey) }
        let record = cache.snapshot.keys[key.publicID]
        let expected = record?.secretHash ?? [UInt8](repeating: 0, count: 32)
        guard key.secretHash.withUnsafeBytes({ Self.isEqual($0, expected) }), let record else {
            throw KinoraError(.invalidKey)
        }
        if record.isRevoked { throw KinoraError(.revokedKey) }
        if let end = record.expiresAt, end <= clock.now { throw KinoraError(.expiredKey) }
        return record.caller
    }

    /// What stands behind `Bearer`; the whole header where that word is missing. Nil for an empty header.
    private static func bearer(_ header: String) -> String? {
        guard !header.isEmpty else { return nil }
        var header = header
        return header.withUTF8 { bytes in
            // Bit 5 set makes a letter small, and leaves the blank as it is.
            let isScheme = bytes.count >= 7 && zip(bytes, "bearer ".utf8).allSatisfy { $0 | 0x20 == $1 }
            let key = isScheme ? bytes.dropFirst(7).drop { $0 == UInt8(ascii: " ") } : bytes[...]
            return String(decoding: UnsafeBufferPointer(rebasing: key), as: UTF8.self)
        }
    }

    /// Constant time for equal lengths.
    private static func isEqual(_ a: UnsafeRawBufferPointer, _ b: [UInt8]) -> Bool {
        a.count == b.count && a.indices.reduce(UInt8(0)) { $0 | (a[$1] ^ b[$1]) } == 0
    }
}
