import Core
import Foundation

/// A response in a form that people can read: status, headers, and the body with a line for each member.
enum ResponseText {
    static func of(_ response: Response) throws -> String {
        var lines = ["\(response.status)"]
        lines += response.headers.map { "\($0.name): \($0.value)" }
        if let file = response.internalFile { lines.append("-> \(file)") }
        if let stream = response.stream {
            var text: [UInt8] = []
            while let piece = try stream.next() { text += piece }
            lines += ["", String(decoding: text, as: UTF8.self).trimmingCharacters(in: .newlines)]
        }
        // A file stands there as its length.
        let body = response.pieces.reduce(into: response.body) { body, piece in
            switch piece {
            case .bytes(let bytes): body += bytes
            case .base64(let file): body += Array("<base64 of \(file.bytes) bytes>".utf8)
            }
        }
        guard !body.isEmpty else { return lines.joined(separator: "\n") }
        let json = try JSONParser.parse(body)
        return (lines + ["", pretty(json, indent: "")]).joined(separator: "\n")
    }

    private static func pretty(_ json: JSON, indent: String) -> String {
        let inner = indent + "  "
        switch json {
        case .object(let object) where !object.isEmpty:
            let members = object.members.map {
                "\(inner)\(JSON.string($0.name).text): \(pretty($0.value, indent: inner))"
            }
            return "{\n\(members.joined(separator: ",\n"))\n\(indent)}"
        case .array(let values) where !values.isEmpty:
            let values = values.map { "\(inner)\(pretty($0, indent: inner))" }
            return "[\n\(values.joined(separator: ",\n"))\n\(indent)]"
        default: return json.text
        }
    }
}
