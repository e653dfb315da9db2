import Core

/// The parts of one kind that stand in a document once, whoever refers to them.
final class SharedParts {
    private let kind: String
    private(set) var all: [(name: String, value: JSON)]
    /// By the text of the part.
    private var names: [[UInt8]: String] = [:]
    private var taken: Set<String>

    /// `kind` is OpenAPI's word for them. What is named already can be referred to by its name.
    init(_ kind: String, _ named: [(name: String, schema: JSON)] = []) {
        self.kind = kind
        all = named.map { (name: $0.name, value: $0.schema) }
        taken = Set(named.map(\.name))
    }

    /// Another part of the same name gets a number.
    func reference(to part: JSON, called name: String) -> JSON {
        let text = part.serialized()
        if let known = names[text] { return reference(known) }
        let plain = Self.plain(name)
        var free = plain
        var number = 1
        while !taken.insert(free).inserted {
            number += 1
            free = "\(plain).\(number)"
        }
        names[text] = free
        all.append((free, part))
        return reference(free)
    }

    private func reference(_ name: String) -> JSON { ["$ref": .string("#/components/\(kind)/\(name)")] }

    /// What OpenAPI allows in a name; an operator may call a model otherwise.
    private static func plain(_ name: String) -> String {
        let isPlain = { (scalar: Unicode.Scalar) in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_": true
            default: false
            }
        }
        return String(name.unicodeScalars.map { isPlain($0) ? Character($0) : "-" })
    }
}
