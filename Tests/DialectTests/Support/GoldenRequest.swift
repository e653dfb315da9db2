import Core
import Dialects

/// A request as golden files write it: the request line, headers, a blank line, and a body.
///
///     POST /v1/videos
///     prefer: wait=30
///
///     {"prompt": "a cat", "input_image": "{png}"}
///
/// `{png}` stands for the base64 text of a file that begins like a PNG, `{characters N}` for N letters. With
/// the header `media: video` (or image) the body is that of a chat, which a model of that kind answers. With
/// the header `content: form` the body has a line for each field, `name = value`, and for each file, `name <-
/// image/png 1234` (type and length, or `unknown 1234`).
struct GoldenRequest {
    let head: RequestHead
    let media: MediaKind?
    private let content: String
    private let body: [String]

    struct Malformed: Error { let line: String }

    static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]

    init(_ text: String) throws {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let headLines = lines.prefix { !$0.isEmpty }
        let words =
            headLines.first.map(Self.expanded)?.split(separator: " ", maxSplits: 1).map(String.init) ?? []
        guard words.count == 2 else { throw Malformed(line: lines.first ?? "") }
        var head = RequestHead(method: Method(rawValue: words[0]), target: words[1])
        var content = "json"
        var media: MediaKind?
        for line in headLines.dropFirst() {
            let value = String(line[(line.firstIndex(of: ":") ?? line.endIndex)...].dropFirst(2))
            switch line.prefix(while: { $0 != ":" }) {
            case "prefer": head.prefer = value
            case "accept": head.accept = value
            case "last-event-id": head.lastEventID = value
            case "idempotency-key": head.idempotencyKey = value
            case "content": content = value
            case "media": media = MediaKind(rawValue: value)
            default: throw Malformed(line: line)
            }
        }
        self.head = head
        self.content = content
        self.media = media
        body = lines.dropFirst(headLines.count + 1).filter { !$0.isEmpty }.map(Self.expanded)
    }

    private static func expanded(_ line: String) -> String {
        var line = line.replacing("{png}", with: "iVBORw0KGgoAAAAN")
        while let start = line.firstRange(of: "{characters "),
            let end = line[start.upperBound...].firstIndex(of: "}"),
            let count = Int(line[start.upperBound..<end])
        {
            line.replaceSubrange(start.lowerBound...end, with: String(repeating: "x", count: count))
        }
        return line
    }

    /// The request as a dialect gets it on a route of this kind. Throws what a malformed path or body throws.
    func request(_ kind: Route.Body = .jsonOrForm) throws -> Request {
        let path = try RequestPath(target: head.target)
        guard !body.isEmpty || content == "form" else { return Request(head: head, path: path, body: .none) }
        if case .rawJSON = kind {
            return Request(head: head, path: path, body: .raw(Array(body.joined(separator: "\n").utf8)))
        }
        guard content == "form" else {
            let json = try JSONParser.parse(Array(body.joined(separator: "\n").utf8))
            return Request(head: head, path: path, body: .json(json))
        }
        return Request(head: head, path: path, body: .form(try form()))
    }

    private func form() throws -> Form {
        var form = Form()
        for line in body {
            if let arrow = line.firstRange(of: " <- ") {
                let words = line[arrow.upperBound...].split(separator: " ")
                guard words.count == 2, let bytes = Int(words[1]) else { throw Malformed(line: line) }
                form.files.append(
                    UploadedFile(
                        field: String(line[..<arrow.lowerBound]), path: "/spool/\(form.files.count)",
                        bytes: bytes,
                        sha256: String(repeating: "0", count: 64),
                        mediaType: MediaType(rawValue: String(words[0])), fieldsBefore: form.fields.count))
            } else if let equals = line.firstRange(of: " =") {
                let value = line[equals.upperBound...].dropFirst()
                form.fields.append((String(line[..<equals.lowerBound]), String(value)))
            } else {
                throw Malformed(line: line)
            }
        }
        return form
    }
}
