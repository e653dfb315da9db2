public import Core

/// Finds the dialect and the route of a request. What no dialect lists does not exist.
public struct Router: Sendable {
    private struct Entry: Sendable {
        let dialect: any Dialect
        let route: Route
        /// The fixed text of each segment; nil where any text matches.
        let fixed: [String?]
        let mount: String?
        let fixedCount: Int
    }

    /// By number of segments; among equal matches the one with more fixed segments stands first.
    private let entries: [Int: [Entry]]
    /// As the dialects list them.
    private let all: [Entry]
    /// Speaks for paths that belong to nobody.
    public let fallback: any Dialect

    public init(_ dialects: [any Dialect], fallback: any Dialect) {
        self.fallback = fallback
        let all = dialects.flatMap { dialect in
            dialect.routes.flatMap { route in
                ([nil] + (route.access == .key ? dialect.mounts : [])).map { mount in
                    let pattern = route.pattern.map { $0.hasPrefix(":") ? nil : $0 }
                    let fixed = (mount.map { [$0] } ?? []) + pattern
                    return Entry(
                        dialect: dialect, route: route, fixed: fixed, mount: mount,
                        fixedCount: fixed.count { $0 != nil })
                }
            }
        }
        self.all = all
        entries = Dictionary(grouping: all) { $0.fixed.count }
            .mapValues { $0.sorted { $0.fixedCount > $1.fixedCount } }
    }

    /// Throws `routeNotFound`, or `methodNotAllowed` when the path exists for another method.
    public func route(
        _ method: Method?, _ path: RequestPath
    ) throws(KinoraError) -> (dialect: any Dialect, match: RouteMatch) {
        // A HEAD is a GET whose body is left out at the end.
        let wanted = method == .head ? .get : method
        var isKnown = false
        for entry in entries(of: path) {
            if entry.route.method == wanted {
                let values = zip(entry.fixed, path.segments).compactMap { $0 == nil ? $1 : nil }
                return (entry.dialect, RouteMatch(route: entry.route, values: values, mount: entry.mount))
            }
            isKnown = true
        }
        throw KinoraError(isKnown ? .methodNotAllowed : .routeNotFound)
    }

    /// Those that match with the most fixed segments: `/v1/videos/generations` is no id of a video.
    private func entries(of path: RequestPath) -> some Sequence<Entry> {
        let matching = (entries[path.segments.count] ?? []).lazy
            .filter { Self.matches($0.fixed, path.segments) }
        let most = matching.first?.fixedCount
        return matching.prefix { $0.fixedCount == most }
    }

    /// Who speaks about a path that has no route, or none for its method: the dialect with the route that
    /// begins most like it.
    public func speaker(of path: RequestPath) -> any Dialect {
        func likeness(_ entry: Entry) -> Int {
            zip(entry.fixed, path.segments).prefix { $0 == nil || $0 == $1 }.count
        }
        var best: (likeness: Int, dialect: any Dialect) = (0, fallback)
        for entry in all where likeness(entry) > best.likeness {
            best = (likeness(entry), entry.dialect)
        }
        return best.dialect
    }

    /// Methods that a path answers to, for the Allow header.
    public func methods(of path: RequestPath) -> [Method] { entries(of: path).map(\.route.method) }

    private static func matches(_ fixed: [String?], _ segments: [String]) -> Bool {
        zip(fixed, segments).allSatisfy { $0 == nil || $0 == $1 }
    }
}
