import Core

/// Everything the parser told about one body: equal for equal bodies, however they were cut into chunks.
struct ParsedForm: Equatable {
    struct Part: Equatable {
        var head: PartHead
        var content: [UInt8] = []
        var isEnded = false
    }

    var parts: [Part] = []
    /// Nil when the body was complete.
    var error: KinoraError?
    /// Events that came where none of their kind may come.
    var misplaced = 0

    /// Parses `body`, cut into chunks of the sizes that `chunkBytes` gives.
    init(
        _ body: [UInt8], contentType: String, limits: MultipartLimits = .init(),
        chunkBytes: () -> Int = { .max }
    ) {
        do throws(KinoraError) {
            var parser = try MultipartParser(contentType: contentType, limits: limits)
            var start = 0
            while start < body.count {
                let end = start + min(max(chunkBytes(), 1), body.count - start)
                try body[start..<end].withUnsafeBufferPointer { (chunk) throws(KinoraError) in
                    try parser.feed(UnsafeRawBufferPointer(chunk)) { (event) throws(KinoraError) in
                        take(event)
                    }
                }
                start = end
            }
            try parser.finish()
        } catch {
            self.error = error
        }
    }

    private mutating func take(_ event: MultipartEvent) {
        let isInside = parts.last?.isEnded == false
        switch event {
        case .began(let head) where !isInside: parts.append(Part(head: head))
        case .bytes(let bytes) where isInside && !bytes.isEmpty:
            parts[parts.count - 1].content.append(contentsOf: bytes)
        case .ended where isInside: parts[parts.count - 1].isEnded = true
        default: misplaced += 1
        }
    }
}

/// Bytes as one line of text: valid UTF-8 stands as it is, and `\r \n \t \0 \\ \xHH` stand for the rest.
enum VisibleBytes {
    struct UnknownEscape: Error { let text: Substring }

    static func show(_ bytes: [UInt8]) -> String {
        let isText = String(validating: bytes, as: UTF8.self) != nil
        var out: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0x0D: out += Array(#"\r"#.utf8)
            case 0x0A: out += Array(#"\n"#.utf8)
            case 0x09: out += Array(#"\t"#.utf8)
            case 0: out += Array(#"\0"#.utf8)
            case UInt8(ascii: "\\"): out += Array(#"\\"#.utf8)
            case 1..<0x20, 0x7F: out += hexEscape(byte)
            case 0x80... where !isText: out += hexEscape(byte)
            default: out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func hexEscape(_ byte: UInt8) -> [UInt8] {
        Array((byte < 16 ? #"\x0"# : #"\x"#).utf8) + Array(String(byte, radix: 16).utf8)
    }

    static func read(_ text: some StringProtocol) throws -> [UInt8] {
        var out: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                out.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "0"): out.append(0)
            case UInt8(ascii: "\\"): out.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "x"):
                let digits = String(decoding: rest.prefix(2), as: UTF8.self)
                guard let value = UInt8(digits, radix: 16) else { throw UnknownEscape(text: Substring(text)) }
                out.append(value)
                rest = rest.dropFirst(2)
            default: throw UnknownEscape(text: Substring(text))
            }
        }
        return out
    }
}
