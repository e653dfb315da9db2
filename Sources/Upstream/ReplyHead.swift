/// The head of a reply, as its lines came. They are taken apart when somebody asks for them, which for most
/// replies nobody does.
struct ReplyHead: Sendable {
    private var lines: [UInt8] = []
    private var count = 0
    /// Whether the blank line at its end came.
    private(set) var isWhole = false

    private static let linesMax = 100
    /// Room for what most replies have. Malloc has to tidy up for more than a kilobyte.
    private static let bytesUsual = 900
    private static let protocolName = Array("HTTP/".utf8)

    mutating func take(_ line: UnsafeRawBufferPointer) {
        // A new status line begins: what came before was an interim reply.
        if line.starts(with: Self.protocolName) {
            self = ReplyHead()
            lines.reserveCapacity(Self.bytesUsual)
        } else if line.count <= 2, line.allSatisfy({ $0 == 0x0D || $0 == 0x0A }) {
            isWhole = true
        } else if count < Self.linesMax {
            lines.append(contentsOf: line)
            count += 1
        }
    }

    /// Lower-case names.
    var headers: [String: String] {
        var headers: [String: String] = [:]
        for line in lines.split(separator: 0x0A) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = line[..<colon].map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
            headers[String(decoding: name, as: UTF8.self)] = String(
                decoding: line[(colon + 1)...].trimmingBlanks(), as: UTF8.self)
        }
        return headers
    }
}

extension ArraySlice<UInt8> {
    /// Without blanks and line breaks at both ends.
    fileprivate func trimmingBlanks() -> Self {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        var text = drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }
}
