internal import Core

/// The sandbox's own interface, for tests and operators. It asks for no key: nothing but loopback reaches it.
///
/// - `GET /_sandbox/stats`
/// - `GET /_sandbox/faults`, `POST /_sandbox/faults` arms one (see `Fault`), `DELETE` disarms all
/// - `GET /_sandbox/settings`, `POST /_sandbox/settings` changes those that are named
/// - `DELETE /_sandbox` forgets tasks, counters, faults and settings
struct Control {
    static let name = "_sandbox"
    let world: World

    func answer(
        _ method: Method?, _ segments: [String], body: () throws(KinoraError) -> RequestBody
    ) -> Response {
        do throws(KinoraError) {
            switch (method, segments.dropFirst().joined(separator: "/")) {
            case (.delete, ""):
                world.reset()
                return Response(status: 204)
            case (.get, "stats"):
                return .json(world.stats())
            case (.get, "faults"):
                let armed = world.withState { $0.faults.armed }
                return .json(["faults": .array(armed.map(\.json))])
            case (.post, "faults"):
                let fault = try ArmedFault(try object(try body()))
                world.withState { $0.faults.arm(fault) }
                return .json(fault.json)
            case (.delete, "faults"):
                world.withState { $0.faults.disarm() }
                return Response(status: 204)
            case (.get, "settings"):
                return .json(world.withState { $0.settings }.json)
            case (.post, "settings"):
                let change = try object(try body())
                let settings = try world.withState { $0.settings }.changed(by: change)
                world.withState { $0.settings = settings }
                return .json(settings.json)
            case (_, ""), (_, "stats"), (_, "faults"), (_, "settings"):
                throw KinoraError(.methodNotAllowed)
            default:
                throw KinoraError(.routeNotFound)
            }
        } catch {
            return .json(["error": JSON(error.message)], status: error.code.facts.status)
        }
    }

    private func object(_ body: RequestBody) throws(KinoraError) -> JSONObject {
        guard case .json(let json) = body, let object = json.objectValue else {
            throw KinoraError(.malformedRequest, "The body must be a JSON object.")
        }
        return object
    }
}

extension JSONObject {
    fileprivate func checkNames(_ known: [String]) throws(KinoraError) {
        guard let name = names.first(where: { !known.contains($0) }) else { return }
        throw KinoraError(
            .invalidValue, "'\(name)' is unknown. Known are: \(known.joined(separator: ", ")).", field: name)
    }

    /// A word out of a list; nil when it is not given.
    fileprivate func word<Word: RawRepresentable & CaseIterable>(
        _ name: String, _ type: Word.Type
    ) throws(KinoraError) -> Word? where Word.RawValue == String {
        guard let value = self[name], !value.isNull else { return nil }
        if let word = value.stringValue.flatMap(Word.init(rawValue:)) { return word }
        let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
        throw KinoraError(.invalidValue, "'\(name)' must be one of: \(words).", field: name)
    }

    fileprivate func integer(_ name: String, _ range: ClosedRange<Int64>) throws(KinoraError) -> Int? {
        guard let value = self[name], !value.isNull else { return nil }
        if let number = value.integerValue, range.contains(number) { return Int(number) }
        let bounds = "\(range.lowerBound) to \(range.upperBound)"
        throw KinoraError(.invalidValue, "'\(name)' must be an integer from \(bounds).", field: name)
    }

    fileprivate func seconds(_ name: String) throws(KinoraError) -> Double? {
        guard let value = self[name], !value.isNull else { return nil }
        if let number = value.doubleValue, (0...86_400).contains(number) { return number }
        throw KinoraError(.invalidValue, "'\(name)' must be a number from 0 to 86400.", field: name)
    }
}

extension ArmedFault {
    init(_ object: JSONObject) throws(KinoraError) {
        try object.checkNames([
            "fault", "times", "operation", "vendor", "key", "retry_after", "delay_seconds",
        ])
        guard let fault = try object.word("fault", Fault.self) else {
            throw KinoraError(.missingParameter, "'fault' is missing.", field: "fault")
        }
        let isAny = object["operation"]?.stringValue == "any"
        let operation = isAny ? nil : try object.word("operation", Operation.self)
        if let operation, !fault.canStrike(operation) {
            throw KinoraError(
                .invalidValue, "'\(fault.rawValue)' cannot strike '\(operation.rawValue)'.",
                field: "operation")
        }
        let vendor = object["vendor"]?.stringValue
        if let vendor, SandboxVendors.named(vendor) == nil {
            throw KinoraError(.invalidValue, "There is no vendor '\(vendor)' here.", field: "vendor")
        }
        self.init(
            strike: Strike(
                fault: fault, retryAfterSeconds: try object.integer("retry_after", 0...86_400),
                delaySeconds: try object.seconds("delay_seconds")),
            times: try object.integer("times", 1...1_000_000_000) ?? 1, operation: operation, vendor: vendor,
            keyEnd: object["key"]?.stringValue ?? "")
    }

    var json: JSON {
        [
            "fault": JSON(strike.fault.rawValue), "times": JSON(times),
            "operation": JSON(operation?.rawValue ?? "any"), "vendor": JSON(vendor),
            "key": keyEnd.isEmpty ? .null : JSON(keyEnd),
            "retry_after": strike.retryAfterSeconds.map { JSON($0) } ?? .null,
            "delay_seconds": strike.delaySeconds.map { .decimal(String($0)) } ?? .null,
        ]
    }
}

extension SandboxSettings {
    func changed(by object: JSONObject) throws(KinoraError) -> SandboxSettings {
        try object.checkNames(["task_seconds", "render", "accept_limit", "credit", "event_seconds"])
        var copy = self
        if let seconds = try object.seconds("task_seconds") { copy.taskSeconds = seconds }
        if let seconds = try object.seconds("event_seconds") { copy.eventSeconds = seconds }
        if let render = try object.word("render", Render.self) { copy.render = render }
        // Null takes the limit away, so it differs from a limit that is not named.
        if object["accept_limit"] != nil {
            copy.acceptLimit = try object.integer("accept_limit", 0...1_000_000_000)
        }
        if let value = object["credit"] {
            guard value.isNull || (0...1e6).contains(value.doubleValue ?? -1) else {
                throw KinoraError(
                    .invalidValue, "'credit' must be a number from 0 to 1000000.", field: "credit")
            }
            copy.credit = value.doubleValue
        }
        return copy
    }

    var json: JSON {
        [
            "task_seconds": .decimal(String(taskSeconds)), "render": JSON(render.rawValue),
            "accept_limit": acceptLimit.map { JSON($0) } ?? .null,
            "credit": credit.map { .decimal(String($0)) } ?? .null,
            "event_seconds": .decimal(String(eventSeconds)),
        ]
    }
}
