import Core

/// The answers of the APIs that are not OpenAI's.
extension Shapes {
    // OpenArt

    static let openArt: [(name: String, schema: JSON)] = [
        ("OpenArtTaskID", object([("task_id", text), ("status", word("pending"))])),
        (
            "OpenArtTask",
            object([
                ("id", text), ("status", word("pending", "generating", "upscaling", "done", "failed")),
                ("url_480p", textOrNull), ("url_720p", textOrNull), ("credit_cost", whole),
                ("error_msg", textOrNull), ("created_at", wholeOrNull), ("started_at", wholeOrNull),
                ("finished_at", wholeOrNull), ("task_id", text), ("model", text), ("prompt", text),
                ("progress", percent),
            ])
        ),
        (
            "OpenArtStats",
            object([
                (
                    "pool",
                    object([
                        ("total_accounts", whole), ("active_accounts", whole), ("total_slots", whole),
                        ("used_slots", whole), ("free_slots", whole), ("waiting_tasks", whole),
                    ])
                ),
                (
                    "tasks",
                    object([
                        ("running", whole), ("done", whole), ("failed", whole), ("avg_time_seconds", whole),
                    ])
                ),
            ])
        ),
        (
            "OpenArtCredits",
            object([
                ("grand_total", ["type": "number"]),
                ("credits_per_video", ["type": ["number", "null"]]),
                ("cost_per_video_cny", ["type": ["number", "null"]]), ("updated_at", whole),
            ])
        ),
    ]

    // The video hub

    private static func success(_ data: JSON) -> JSON {
        object([("success", ["const": true]), ("data", data)])
    }

    static let hub: [(name: String, schema: JSON)] = [
        ("HubJobID", success(object([("jobId", text)]))),
        (
            "HubJob",
            success(
                object(
                    [
                        ("jobId", text),
                        ("status", word("queued", "processing", "succeeded", "failed", "cancelled")),
                        ("progress", percent), ("resultUrl", textOrNull), ("error", text),
                    ], optional: ["error"]))
        ),
        (
            "HubQuota",
            success(
                object([("totalQuota", whole), ("usedQuota", whole), ("remainingQuota", whole)]))
        ),
        (
            "HubRedemption",
            success(object([("addedQuota", ["type": "number"]), ("totalQuota", whole)]))
        ),
    ]

    // llmage

    private static let llmageModel = object([
        ("id", text), ("object", word("model")), ("created", whole), ("owned_by", text),
        ("catelogid", ["type": "array", "items": text]), ("description", text),
    ])

    static let llmage: [(name: String, schema: JSON)] = [
        ("LlmageError", object([("error", text)])),
        (
            "LlmageModels",
            object([("object", word("list")), ("data", ["type": "array", "items": llmageModel])])
        ),
        ("LlmageTaskID", object([("taskid", text), ("status", word("CREATED"))])),
        (
            "LlmageTask",
            object(
                [
                    ("taskid", text), ("status", word("PENDING", "RUNNING", "SUCCEEDED", "FAILED")),
                    ("usage", ["type": "object"]), ("image", text), ("video", text),
                    ("images", ["type": "array", "items": text]), ("error", text),
                ], optional: ["usage", "image", "video", "images", "error"])
        ),
        (
            "LlmageCompletion",
            object(
                [
                    ("id", text), ("object", text), ("model", text), ("choices", ["type": "array"]),
                    ("content", text), ("finish", word("0", "1")), ("usage", [:]),
                ], optional: ["id", "object", "model", "usage"])
        ),
    ]
}
