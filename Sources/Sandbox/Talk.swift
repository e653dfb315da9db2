internal import Core

/// A request to a text model: validated, not yet answered. What it answers follows from what it was asked, so
/// that a test can tell: a chat says what was said to it, or counts as far as it is asked to; equal texts
/// have equal embeddings.
enum Talk: Sendable {
    case chat(Chat)
    case embedding(Embedding)

    struct Chat: Sendable {
        var model: String
        /// Text of the last message of a user.
        var prompt: String
        var promptTokens: Int
        var tokensMax: Int?
        /// Nil: not event by event. Otherwise whether the last event says what was used.
        var streamsUsage: Bool?

        /// The words of the answer.
        var words: [String] {
            if let match = prompt.firstMatch(of: /count to ([0-9]{1,6})/), let end = Int(match.1), end > 0 {
                return (1...end).map(String.init)
            }
            return ["You", "said:"] + prompt.split(whereSeparator: \.isWhitespace).map(String.init)
        }
    }

    struct Embedding: Sendable {
        var model: String
        var inputs: [String]
        var tokens: Int
        var dimensions: Int
        var isBase64: Bool
    }

    /// What markers of faults are looked for in.
    var prompt: String {
        switch self {
        case .chat(let chat): chat.prompt
        case .embedding(let embedding): embedding.inputs.joined(separator: " ")
        }
    }
}

extension Talk.Embedding {
    /// A direction that depends on the text alone, of length 1.
    func vector(of text: String) -> [Float] {
        // FNV-1a begins, SplitMix64 goes on.
        var state = text.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let raw = (0..<dimensions).map { _ -> Float in
            state &+= 0x9E37_79B9_7F4A_7C15
            var bits = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
            return Float(Int32(truncatingIfNeeded: bits >> 31)) / Float(Int32.max)
        }
        let length = raw.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
        return raw.map { $0 / max(length, .leastNormalMagnitude) }
    }
}
