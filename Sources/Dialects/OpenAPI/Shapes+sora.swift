import Core

/// What Sora2API answers about accounts. What a profile, a post or an upstream task holds is not Kinora's.
extension Shapes {
    private static let thing: JSON = ["type": "object"]
    private static let things: JSON = ["type": "array", "items": thing]

    private static func success(_ properties: (String, JSON)..., optional: Set<String> = []) -> JSON {
        object([("success", flag)] + properties, optional: optional)
    }

    private static let page = object([("items", things), ("cursor", textOrNull)])

    private static let character = object([
        ("id", text), ("cameo_id", textOrNull), ("character_id", textOrNull), ("username", text),
        ("display_name", text), ("profile_url", textOrNull), ("instruction_set", text),
        ("safety_instruction_set", text), ("status", word("processing", "finalized")), ("created_at", text),
        ("updated_at", text),
    ])

    static let sora: [(name: String, schema: JSON)] = [
        (
            "SoraInvite",
            success(
                ("invite_code", text), ("remaining_count", whole), ("total_count", whole),
                ("email", textOrNull), ("message", text),
                optional: ["invite_code", "remaining_count", "total_count", "email", "message"])
        ),
        ("SoraProfile", success(("profile", thing))),
        ("SoraUserFeed", success(("user_id", text), ("feed", page))),
        ("SoraOwnFeed", success(("token_id", whole), ("feed", page))),
        ("SoraSearch", success(("query", text), ("count", whole), ("results", things))),
        (
            "SoraFeed",
            success(("cut", text), ("count", whole), ("cursor", textOrNull), ("items", things))
        ),
        ("SoraPrompt", object([("enhanced_prompt", text)])),
        ("SoraTasks", success(("token_id", whole), ("count", whole), ("tasks", things))),
        ("SoraTask", success(("task", thing))),
        (
            "SoraMadeCharacter",
            object([
                ("id", text), ("object", word("character")), ("created", whole), ("model", text),
                (
                    "data",
                    object(
                        [
                            ("cameo_id", text), ("character_id", text), ("username", text),
                            ("display_name", text), ("message", text),
                        ], optional: ["character_id"])
                ),
            ])
        ),
        ("SoraCharacters", success(("characters", ["type": "array", "items": character]))),
        ("SoraCharacter", success(("character", character))),
        ("SoraMessage", success(("message", text))),
        (
            "SoraStats",
            success(
                (
                    "stats",
                    object([
                        ("total_tokens", whole), ("active_tokens", whole), ("today_images", whole),
                        ("total_images", whole), ("today_videos", whole), ("total_videos", whole),
                        ("today_errors", whole), ("total_errors", whole),
                    ])
                ))
        ),
    ]
}
