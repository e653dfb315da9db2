import Core

extension CameoDraft {
    /// A request for a character and for nothing else.
    init(_ request: Request, of family: String?) throws(KinoraError) {
        let fields = try Fields(request.body)
        let videos =
            try fields.references("video", of: .video) + fields.references("video_base64", of: .video)
        guard let video = videos.first else {
            throw KinoraError(.missingParameter, "video or video_base64 is required", field: "video")
        }
        guard videos.count == 1 else {
            throw KinoraError(.invalidValue, "A character is made of one video.", field: videos[1].field)
        }
        self.init(video: video, timestamps: try Self.timestamps(fields.value("timestamps")))
        model = try fields.string("model")
        self.family = family
        try take(fields)
        if !request.head.idempotencyKey.isEmpty {
            idempotencyKey = request.head.idempotencyKey
            fingerprint = request.fingerprint
        }
    }

    /// What a client may say of a character, wherever it says so.
    mutating func take(_ fields: Fields) throws(KinoraError) {
        username = try fields.string("username", charactersMax: 64)
        if let name = username, name.contains(where: { $0.isWhitespace || $0 == "@" }) {
            throw KinoraError(.invalidValue, "'username' must have no blanks and no @.", field: "username")
        }
        displayName = try fields.string("display_name", charactersMax: Limits.nameCharactersMax)
        instructionSet = try fields.string("instruction_set", charactersMax: 8000)
        safetyInstructionSet = try fields.string("safety_instruction_set", charactersMax: 8000)
    }

    /// `0,3`, or a list of two numbers.
    static func timestamps(_ value: JSON?) throws(KinoraError) -> String {
        let usual = "0,3"
        guard let value, value != "" else { return usual }
        let parts: [String] =
            switch value {
            case .array(let items) where items.count == 2: items.map(\.text)
            // Longer ones are not even read.
            case .string(let text) where text.utf8.count <= 64:
                text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            default: []
            }
        let seconds = parts.compactMap { part in
            part.wholeMatch(of: /\ *([0-9]{1,4}(?:\.[0-9]{1,3})?)\ */).flatMap { Double($0.1) }
        }
        guard parts.count == 2, seconds.count == 2, seconds[0] < seconds[1] else {
            throw KinoraError(
                .invalidValue, "'timestamps' must be two seconds, the first before the second: 0,3",
                field: "timestamps")
        }
        return parts.map { $0.filter { $0 != " " } }.joined(separator: ",")
    }
}
