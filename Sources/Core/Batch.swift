/// Many submits in one request, each a line of JSON with the names that OpenAI's batches have: `custom_id`,
/// `url`, `body`.
public struct Batch: Sendable {
    public struct Line: Sendable {
        /// From 1, blank lines counted.
        public let number: Int
        /// The client's own name for it.
        public let customID: String?
        /// What it asks for, or why it asks for nothing.
        public let call: Result<EnclosedCall, KinoraError>
    }

    /// What became of a line: the answer that its call would have had.
    public struct Reply: Sendable {
        public let number: Int
        public let customID: String?
        public let status: Int
        /// JSON.
        public let body: [UInt8]

        public init(_ line: Line, status: Int, body: [UInt8]) {
            number = line.number
            customID = line.customID
            self.status = status
            self.body = body
        }
    }

    public let lines: [Line]

    /// Reads the lines of a body. A line that makes no sense is that line's own fault. Throws
    /// `malformedRequest` or `invalidValue` for what is no batch: none, too many, two of one name.
    public init(_ body: [UInt8]) throws(KinoraError) {
        let texts = try Self.texts(of: body)
        guard !texts.isEmpty else { throw KinoraError(.missingParameter, "The batch has no lines.") }
        lines = texts.map { Self.line($0.number, Array($0.text)) }
        var known: Set<String> = []
        for name in lines.compactMap(\.customID) where !known.insert(name).inserted {
            throw KinoraError(.invalidValue, "The custom_id '\(name)' is there twice.", field: "custom_id")
        }
    }

    /// The lines that are not blank, numbered as an editor numbers them.
    private static func texts(
        of body: [UInt8]
    ) throws(KinoraError) -> [(number: Int, text: ArraySlice<UInt8>)] {
        var texts: [(Int, ArraySlice<UInt8>)] = []
        var number = 0
        var rest = body[...]
        while !rest.isEmpty {
            number += 1
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest.dropFirst(line.count + 1)
            if line.allSatisfy(isBlank) { continue }
            guard texts.count < Limits.batchLinesMax else {
                throw KinoraError(.invalidValue, "A batch has at most \(Limits.batchLinesMax) lines.")
            }
            texts.append((number, line))
        }
        return texts
    }

    private static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0D].contains(byte) }

    private static func line(_ number: Int, _ text: [UInt8]) -> Line {
        var customID: String?
        let call = Result { () throws(KinoraError) -> EnclosedCall in
            guard try JSONParser.parse(text, valuesMax: Limits.batchLineValuesMax).objectValue != nil else {
                throw KinoraError(.malformedRequest, "A line must be a JSON object.")
            }
            let outline = try JSONOutline(text)
            customID = try outline.shortText("custom_id")
            return try EnclosedCall(outline)
        }
        return Line(number: number, customID: customID, call: call)
    }
}
