extension Response {
    /// Nothing but the headers, where the client has the same bytes already: If-None-Match names their ETag
    /// (RFC 9110, 13.1.2).
    public func unlessKnown(to head: RequestHead) -> Response {
        guard status == 200, !head.ifNoneMatch.isEmpty,
            let tag = headers.first(where: { $0.name == "ETag" })?.value
        else { return self }
        let known = head.ifNoneMatch.split(separator: ",").map { entry in
            let entry = HeaderValue.trimmed(Array(entry.utf8)[...])
            return entry.starts(with: "W/".utf8) ? entry.dropFirst(2) : entry
        }
        guard known.contains(where: { $0.elementsEqual("*".utf8) || $0.elementsEqual(tag.utf8) }) else {
            return self
        }
        return Response(status: 304, headers: headers.filter { $0.name != Self.jsonType.name })
    }
}
