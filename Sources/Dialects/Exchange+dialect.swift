import Core

extension Exchange {
    /// Whether the client is one of the video hub's, below `/api/relay`.
    var isRelayed: Bool { path?.segments.first == "api" }

    /// Whether the client is one of Jimeng's gateway: below its prefix, at its host, or by its key.
    var isOfJimeng: Bool {
        guard let match else { return false }
        return match.mount == "jimeng"
            || match.mount == nil && match.route.pattern.first == "v1" && options.dialect == .jimeng
    }
}
