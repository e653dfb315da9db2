import Core

/// What answers look like, as JSON schemas by name.
enum Shapes {
    static let all: [(name: String, schema: JSON)] =
        [
            ("Error", error), ("HubError", hubError), ("Video", video),
            ("VideoList", list(of: "Video")), ("Deleted", deleted), ("Task", task), ("Results", results),
            ("Model", model), ("ModelList", modelList), ("Health", health), ("Quota", quota),
            ("Estimate", estimate), ("Redemption", redemption), ("Completion", completion),
            ("Embeddings", embeddings), ("Document", document), ("Batch", batch),
        ] + openArt + hub + llmage + sora

    static func reference(to name: String) -> JSON { ["$ref": .string("#/components/schemas/\(name)")] }

    static let text: JSON = ["type": "string"]
    static let whole: JSON = ["type": "integer"]
    static let flag: JSON = ["type": "boolean"]
    static let textOrNull: JSON = ["type": ["string", "null"]]
    static let wholeOrNull: JSON = ["type": ["integer", "null"]]
    static let flagOrNull: JSON = ["type": ["boolean", "null"]]
    /// Beyond 64 bits it is no number here.
    static let wholeOrText: JSON = [
        "type": ["integer", "string", "null"], "minimum": .integer(.min), "maximum": .integer(.max),
        "pattern": "^([+-]?[0-9]{1,18})?$",
    ]
    /// The number of a row.
    static let row: JSON = ["type": "integer", "minimum": 1, "maximum": .integer(.max)]
    /// How ids are spelled, and names of files.
    static let name: JSON = ["type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"]
    /// What another service calls somebody: whatever an address can hold (`RequestPath`).
    static let handle: JSON = [
        "type": "string", "pattern": "^(?!\\.{1,2}$)[^\\u0000-\\u001f\\u007f/\\\\]{1,128}$",
    ]
    static let nameOrNone: JSON = ["type": ["string", "null"], "pattern": "^[A-Za-z0-9._-]{0,128}$"]
    /// A picture as text: an address, a data URL or base64.
    static let picture: JSON = ["type": "string", "format": "picture"]
    /// As a part of a form: the bytes.
    static let file: JSON = ["type": "string", "format": "binary"]
    /// One part or several of the same name.
    static let files: JSON = [
        "type": ["string", "array"], "format": "binary", "minItems": 1, "items": file,
    ]
    /// A grey square, for examples that work.
    static let square: JSON =
        """
        data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAKUlEQVR4nO3MQREAAA\
        wCIKMb3RD77SAA6VEEAoFAIBAIBAKBQCAQfA8G320AeUC9G5AAAAAASUVORK5CYII=
        """
    static let percent: JSON = ["type": "integer", "minimum": 0, "maximum": 100]

    static func word(_ words: String...) -> JSON {
        ["type": "string", "enum": .array(words.map(JSON.string))]
    }

    /// An object whose members are all there, but for those that `optional` names.
    static func object(
        _ properties: [(String, JSON)], optional: Set<String> = []
    ) -> JSON {
        let required = properties.map(\.0).filter { !optional.contains($0) }
        return [
            "type": "object",
            "properties": .object(JSONObject(properties.map { (name: $0.0, value: $0.1) })),
            "required": .array(required.map(JSON.string)),
        ]
    }

    private static func list(of name: String) -> JSON {
        object([
            ("object", word("list")), ("data", ["type": "array", "items": reference(to: name)]),
            ("first_id", textOrNull), ("last_id", textOrNull), ("has_more", flag),
        ])
    }

    // Errors

    private static let errorBody = object(
        [
            ("message", text), ("type", text), ("param", textOrNull), ("code", text), ("task_id", text),
        ], optional: ["param", "task_id"])

    /// nginx answers some requests itself, in the same envelope.
    private static let error = object([("error", errorBody), ("detail", text)], optional: ["detail"])

    private static let hubError = object(
        [
            ("success", ["const": false]), ("message", text), ("code", text), ("data", ["type": "null"]),
            ("error", errorBody),
        ], optional: ["code", "data", "error"])

    // OpenAI

    private static let video = object(
        [
            ("id", text), ("object", word("video")), ("model", text),
            ("status", word("queued", "in_progress", "completed", "failed", "cancelled")),
            ("progress", percent), ("created_at", whole), ("prompt", text), ("seconds", text), ("size", text),
            ("completed_at", whole), ("remixed_from_video_id", text),
            ("error", object([("message", text), ("code", text)])),
        ],
        optional: ["seconds", "size", "completed_at", "remixed_from_video_id", "error"])

    private static let deleted = object([("id", text), ("object", text), ("deleted", flag)])

    private static let task = object(
        [
            ("id", text), ("object", word("task")), ("type", word("image", "video")),
            ("status", word("queued", "running", "succeeded", "failed")), ("progress", percent),
            ("model", text), ("created", whole), ("finished", whole), ("result_url", text),
            ("error", object([("message", text), ("code", text)])),
        ], optional: ["finished", "result_url", "error"])

    private static let results = object([
        ("created", whole),
        (
            "data",
            [
                "type": "array",
                "items": object(
                    [("url", text), ("b64_json", text), ("revised_prompt", text)],
                    optional: ["url", "b64_json", "revised_prompt"]),
            ]
        ),
    ])

    private static let model = object([
        ("id", text), ("object", word("model")), ("created", whole), ("owned_by", text),
        ("description", text),
    ])

    private static let modelList = object([
        ("object", word("list")), ("data", ["type": "array", "items": reference(to: "Model")]),
    ])

    private static let completion = object(
        [("id", text), ("object", text), ("model", text), ("choices", ["type": "array"]), ("usage", [:])],
        optional: ["id", "object", "model", "usage"])

    private static let embeddings = object(
        [("object", text), ("model", text), ("data", ["type": "array"]), ("usage", [:])],
        optional: ["object", "model", "usage"])

    // Kinora

    private static let health = object([
        ("status", word("ok", "error")), ("version", text), ("checks", ["type": "object"]),
    ])

    private static let quota = object([
        ("object", word("quota")), ("total_micros", whole), ("used_micros", whole), ("held_micros", whole),
        ("available_micros", whole),
    ])

    private static let estimate = object([
        ("object", word("estimate")), ("model", text), ("cost_micros", whole),
        ("quota", reference(to: "Quota")),
    ])

    private static let redemption = object([
        ("object", word("redemption")), ("added_micros", whole), ("quota", reference(to: "Quota")),
    ])

    private static let batch = object([
        ("object", word("batch")), ("total", whole), ("accepted", whole), ("refused", whole),
        (
            "lines",
            [
                "type": "array",
                "items": object([
                    ("line", whole), ("custom_id", textOrNull), ("status", whole),
                    ("body", ["type": "object"]),
                ]),
            ]
        ),
    ])

    private static let document: JSON = ["type": "object", "required": ["openapi", "paths"]]
}
