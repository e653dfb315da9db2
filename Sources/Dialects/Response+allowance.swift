import Core

extension Response {
    /// OpenAI's headers about a limit of requests, with its spelling of durations: `120ms`, `8.6s`, `1m0s`.
    func adding(_ allowance: Allowance) -> Response {
        adding("x-ratelimit-limit-requests", String(allowance.requestsMax))
            .adding("x-ratelimit-remaining-requests", String(allowance.remaining))
            .adding("x-ratelimit-reset-requests", Self.duration(allowance.resetSeconds))
    }

    private static func duration(_ seconds: Double) -> String {
        let milliseconds = Int((max(seconds, 0) * 1000).rounded(.up))
        guard milliseconds >= 1000 else { return "\(milliseconds)ms" }
        let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000)
        var fraction = String(rest % 1000 + 1000).dropFirst()
        while fraction.hasSuffix("0") { fraction = fraction.dropLast() }
        let tail = "\(rest / 1000)\(fraction.isEmpty ? "" : ".")\(fraction)s"
        return minutes > 0 ? "\(minutes)m\(tail)" : tail
    }
}
