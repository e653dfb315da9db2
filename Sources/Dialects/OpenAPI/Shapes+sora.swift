import Core

/// What Sora2API answers about accounts. What a profile, a post or an upstream task holds is not Kinora's.
extension Shapes {
    private static let thing: JSON = ["type": "object"]
    private static let things: JSON = ["type": "array", "items": thing]

    private static func success(_ properties: (String, JSON)..., optional: Set<String> = []) -> JSON {
        object([("success", flag)] + properties, optional: optional)
    }

    private static let page = object([("items", things), ("cursor", textOrNull)])

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
    ]
}
