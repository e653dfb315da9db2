internal import Core

/// A fault that waits for requests, by order of `POST /_sandbox/faults`.
struct ArmedFault: Sendable, Equatable {
    var strike: Strike
    /// How many requests it still strikes.
    var times: Int
    /// Nil: any.
    var operation: Operation?
    /// Nil: any.
    var vendor: String?
    /// The last characters of the key that it strikes; empty: any.
    var keyEnd = ""

    func strikes(_ operation: Operation, of owner: Owner) -> Bool {
        strike.fault.canStrike(operation) && (self.operation ?? operation) == operation
            && (vendor ?? owner.vendor) == owner.vendor && owner.key.hasSuffix(keyEnd)
    }
}

/// A fault that a prompt asks for.
struct FaultMarker: Sendable, Equatable {
    let fault: Fault
    /// Nil: the first operation that the fault can strike.
    let operation: Operation?

    func strikes(_ operation: Operation) -> Bool {
        fault.canStrike(operation) && (self.operation ?? operation) == operation
    }

    /// The markers of a prompt in order. What looks like one but names nothing known is ordinary text.
    static func all(in prompt: String) -> [FaultMarker] {
        // Most prompts have none, and looking for one byte is cheap.
        guard prompt.utf8.contains(UInt8(ascii: "[")) else { return [] }
        return prompt.split(separator: "[sandbox:", omittingEmptySubsequences: false).dropFirst().compactMap {
            piece in
            guard let end = piece.firstIndex(of: "]") else { return nil }
            let words = piece[..<end].split(separator: " ")
            guard (1...2).contains(words.count), let fault = Fault(rawValue: String(words[0])) else {
                return nil
            }
            guard words.count == 2, words[1] != "any" else {
                return FaultMarker(fault: fault, operation: nil)
            }
            return Operation(rawValue: String(words[1])).map { FaultMarker(fault: fault, operation: $0) }
        }
    }
}

/// Which faults are armed, and which markers of refused prompts have struck already.
struct FaultBook: Sendable {
    private(set) var armed: [ArmedFault] = []
    /// Markers spent before a task existed to remember them, by prompt. Forgotten when the prompt gets
    /// through, so that the next task with the same prompt meets the same faults.
    private var spentByPrompt: [String: Set<Int>] = [:]
    /// Prompts remembered at most; beyond it all are forgotten.
    static let promptsMax = 10_000

    mutating func arm(_ fault: ArmedFault) { armed.append(fault) }

    mutating func disarm() { armed = [] }

    /// Takes the first armed fault that strikes the operation.
    mutating func takeArmed(_ operation: Operation, of owner: Owner) -> Strike? {
        guard let index = armed.firstIndex(where: { $0.strikes(operation, of: owner) }) else { return nil }
        let strike = armed[index].strike
        armed[index].times -= 1
        if armed[index].times <= 0 { armed.remove(at: index) }
        return strike
    }

    /// Takes the marker that strikes a request by its prompt: a submit, or one to a text model.
    mutating func takeMarker(_ operation: Operation = .submit, ofPrompt prompt: String) -> Strike? {
        let markers = FaultMarker.all(in: prompt)
        guard !markers.isEmpty else { return nil }
        var spent = spentByPrompt[prompt] ?? []
        let strike = Self.take(operation, of: markers, &spent)
        if let strike, strike.fault.isTransient {
            if spentByPrompt.count >= Self.promptsMax { spentByPrompt.removeAll() }
            spentByPrompt[prompt] = spent
        } else {
            spentByPrompt[prompt] = nil
        }
        return strike
    }

    /// Takes the marker that strikes a request about an accepted task, which remembers its own.
    static func takeMarker(_ operation: Operation, of task: inout SandboxTask) -> Strike? {
        // A marker without an operation that a submit can meet was spent there.
        let markers = task.markers.map { marker in
            marker.operation == nil && operation != .submit && marker.fault.canStrike(.submit) ? nil : marker
        }
        return take(operation, of: markers, &task.spentMarkers)
    }

    /// Transient faults come first: they pass, and then the lasting one shows.
    private static func take(
        _ operation: Operation, of markers: [FaultMarker?], _ spent: inout Set<Int>
    ) -> Strike? {
        let candidates = markers.indices.filter { markers[$0]?.strikes(operation) == true }
        let isTransient = { (index: Int) in markers[index]?.fault.isTransient == true }
        if let index = candidates.first(where: { isTransient($0) && !spent.contains($0) }) {
            spent.insert(index)
            return markers[index].map { Strike(fault: $0.fault) }
        }
        return candidates.first { !isTransient($0) }.flatMap { markers[$0] }.map { Strike(fault: $0.fault) }
    }
}
