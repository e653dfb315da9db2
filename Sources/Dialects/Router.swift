public import Core

/// Finds the dialect and the route of a request. What no dialect lists does not exist.
public struct Router: Sendable {
    /// A route under one of its prefixes.
    private final class Entry: Sendable {
        let dialect: any Dialect
        let route: Route
        /// The fixed text of each segment; nil where any text matches.
        let fixed: [String?]
        let mount: String?
        let fixedCount: Int

        init(_ dialect: any Dialect, _ route: Route, mount: String?) {
            self.dialect = dialect
            self.route = route
            self.mount = mount
            fixed = [mount].compactMap(\.self) + route.pattern.map { $0.hasPrefix(":") ? nil : $0 }
            fixedCount = fixed.count { $0 != nil }
        }
    }

    /// Where the paths that begin alike go on or end: a look-up costs a step for each segment, however many
    /// routes there are.
    private final class Node: Sendable {
        let ended: [Entry]
        let fixed: [String: Node]
        let any: Node?

        init(_ entries: [Entry], depth: Int = 0) {
            ended = entries.filter { $0.fixed.count == depth }
            let longer = Dictionary(grouping: entries.filter { $0.fixed.count > depth }) { $0.fixed[depth] }
            var fixed: [String: Node] = [:]
            for case (let segment?, let entries) in longer {
                fixed[segment] = Node(entries, depth: depth + 1)
            }
            self.fixed = fixed
            any = longer[nil].map { Node($0, depth: depth + 1) }
        }

        /// Those that match with the most fixed segments: `/v1/videos/generations` is no id of a video.
        func entries(of segments: ArraySlice<String>) -> [Entry] {
            guard let segment = segments.first else { return ended }
            let exact = fixed[segment]?.entries(of: segments.dropFirst()) ?? []
            let loose = any?.entries(of: segments.dropFirst()) ?? []
            guard let first = exact.first, let other = loose.first else { return exact + loose }
            if first.fixedCount == other.fixedCount { return exact + loose }
            return first.fixedCount > other.fixedCount ? exact : loose
        }
    }

    private let root: Node
    /// As the dialects list them.
    private let all: [Entry]
    private let mounts: Set<String>
    /// Speaks for paths that belong to nobody.
    public let fallback: any Dialect

    public init(_ dialects: [any Dialect], fallback: any Dialect) {
        self.fallback = fallback
        all = dialects.flatMap { dialect in
            dialect.routes.flatMap { route in
                dialect.mounts(of: route).map { Entry(dialect, route, mount: $0) }
            }
        }
        root = Node(all)
        mounts = Set(all.compactMap(\.mount))
    }

    /// `host`: the prefix of the only API at the host, whose paths need it there no more.
    ///
    /// Throws `routeNotFound`, or `methodNotAllowed` when the path exists for another method;
    /// `internalFault` when no API has that prefix.
    public func route(
        _ method: Method?, _ path: RequestPath, at host: String? = nil
    ) throws(KinoraError) -> (dialect: any Dialect, match: RouteMatch) {
        if let host, !mounts.contains(host) {
            throw KinoraError(.internalFault, detail: "nginx names an API '\(host)' that there is not")
        }
        // A HEAD is a GET whose body is left out at the end.
        let wanted = method == .head ? .get : method
        var isKnown = false
        for entry in entries(of: path, at: host) {
            if entry.route.method == wanted {
                // A prefix that the host stands for is in no path.
                let fixed = entry.fixed.suffix(path.segments.count)
                let values = zip(fixed, path.segments).compactMap { $0 == nil ? $1 : nil }
                return (entry.dialect, RouteMatch(route: entry.route, values: values, mount: entry.mount))
            }
            isKnown = true
        }
        throw KinoraError(isKnown ? .methodNotAllowed : .routeNotFound)
    }

    /// At a host of one API a path is that API's before all others'. What has no prefix collides with nobody
    /// and stays where it is: the APIs with paths of their own, and what is open.
    private func entries(of path: RequestPath, at host: String?) -> [Entry] {
        let anywhere = root.entries(of: path.segments[...])
        guard let host else { return anywhere }
        let own = root.entries(of: ([host] + path.segments)[...])
        guard own.isEmpty else { return own }
        return anywhere.filter { $0.mount == host || $0.dialect.mounts(of: $0.route) == [nil] }
    }

    /// Who speaks about a path that has no route, or none for its method: the dialect with the route that
    /// begins most like it.
    public func speaker(of path: RequestPath, at host: String? = nil) -> any Dialect {
        let segments = [host].compactMap(\.self) + path.segments
        func likeness(_ entry: Entry) -> Int {
            zip(entry.fixed, segments).prefix { $0 == nil || $0 == $1 }.count
        }
        var best: (likeness: Int, dialect: any Dialect) = (0, fallback)
        for entry in all where likeness(entry) > best.likeness {
            best = (likeness(entry), entry.dialect)
        }
        return best.dialect
    }

    /// Methods that a path answers to, for the Allow header.
    public func methods(of path: RequestPath, at host: String? = nil) -> [Method] {
        entries(of: path, at: host).map(\.route.method)
    }
}

extension Dialect {
    /// The prefixes under which a route exists; nil is the root. What is open has no family, and neither has
    /// what the video hub relays: its paths collide with nobody.
    func mounts(of route: Route) -> [String?] {
        let isForAll = route.access == .open || route.pattern.starts(with: ["api", "relay"])
        return [nil] + (isForAll ? [] : mounts)
    }
}
