import Core

extension RequestHead {
    private var preferences: [String] {
        prefer.split(whereSeparator: { $0 == "," || $0 == ";" }).map {
            $0.lowercased().filter { !$0.isWhitespace }
        }
    }

    var prefersAsync: Bool { preferences.contains("respond-async") }

    /// Seconds of `Prefer: wait=N` (RFC 7240); nil without it, and when the client also prefers not to wait.
    var preferredWaitSeconds: Int? {
        let preferences = preferences
        guard !preferences.contains("respond-async") else { return nil }
        guard let wait = preferences.first(where: { $0.hasPrefix("wait=") }),
            let seconds = Int(wait.dropFirst("wait=".count)), seconds > 0
        else { return nil }
        return min(seconds, Limits.syncWaitSecondsMax)
    }
}

extension Submission {
    /// What a client may say of any submit beside its body: an Idempotency-Key, and how long it waits.
    mutating func takePreferences(of request: Request) {
        if !request.head.idempotencyKey.isEmpty {
            idempotencyKey = request.head.idempotencyKey
            fingerprint = request.fingerprint
        }
        waitSeconds = request.head.preferredWaitSeconds
    }
}

extension Query {
    /// A whole number in a range; nil when the name is missing.
    func integer(_ name: String, in range: ClosedRange<Int>) throws(KinoraError) -> Int? {
        guard let text = self[name] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw KinoraError(
                .invalidValue,
                "'\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound).",
                field: name)
        }
        return value
    }
}
