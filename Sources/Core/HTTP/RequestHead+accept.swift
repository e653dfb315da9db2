extension RequestHead {
    /// Whether the client would rather have events than JSON. Only who names them can mean that: `*/*` and
    /// `text/*` say that anything will do. Who wants both alike gets JSON.
    public var prefersEvents: Bool {
        guard let events = quality(of: "text/event-stream"), events > 0 else { return false }
        return events > quality(of: "application/json") ?? 0
    }

    /// How much the client wants a type that its Accept names (RFC 9110, 12.5.1); nil where it does not, or
    /// says something else than a weight of it.
    private func quality(of type: String) -> Double? {
        for item in accept.utf8.split(separator: UInt8(ascii: ",")) {
            guard let range = HeaderValue(item), range.kind == type else { continue }
            guard let weight = range.parameters["q"] else { return 1 }
            let value = Double(String(decoding: weight, as: UTF8.self))
            return value.flatMap { (0...1).contains($0) ? $0 : nil }
        }
        return nil
    }
}

extension Command {
    /// The same, but with every change, where it shows a task and the client would rather have events.
    public func heeding(_ head: RequestHead) -> Command {
        guard head.prefersEvents else { return self }
        switch self {
        case .task(let reference, _):
            return .follow(reference, withLinks: false, lastEvent: head.lastEventID)
        case .report(let reference, _):
            return .follow(reference, withLinks: true, lastEvent: head.lastEventID)
        default: return self
        }
    }
}
