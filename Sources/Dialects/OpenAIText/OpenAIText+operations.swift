import Core

extension OpenAIText: Described {
    var title: Words { Words("Chat and embeddings", "对话与向量") }
    var summary: Words {
        Words("Text models; requests go on to the provider as they are.", "文本模型；请求原样转发给服务商。")
    }
    var errorShape: String { "Error" }

    var operations: [Operation] {
        [
            chat(Self.chat), embeddings(Self.embeddings), chat(Self.hubChat), embeddings(Self.hubEmbeddings),
            Operation(
                route: Self.hubModels, summary: Words("Models", "模型列表"), query: Field.ofModels,
                replies: [Reply(200, .asItStands, .json("ModelList"))]),
            Operation(
                route: Self.hubModel, summary: Words("One model", "查询模型"),
                replies: [Reply(200, .asItStands, .json("Model"))], errors: [404]),
        ]
    }

    private func chat(_ route: Route) -> Operation {
        Operation(
            route: route, summary: Words("Chat", "对话"),
            body: BodyShape(
                fields: [
                    Field(
                        "model", Shapes.text,
                        Words(
                            "A text model; or one of pictures or videos, whose answer names what was made.",
                            "文本模型；也可用图像或视频模型，应答中给出生成结果。"), isRequired: true),
                    Field(
                        "messages", Self.messages,
                        Words("The conversation.", "对话消息。"), isRequired: true),
                    Field(
                        "stream", Shapes.flagOrNull,
                        Words("true: the answer comes as events.", "true 表示以事件流返回。")),
                ] + Self.ofMedia,
                example: [
                    "model": "gpt-4", "messages": [["role": "user", "content": "Say hello."]],
                ]),
            replies: [Reply(200, Words("The answer.", "应答。"), .jsonOrEvents("Completion"))],
            errors: [402, 404, 408, 409, 422, 502, 504])
    }

    private static let messages: JSON = [
        "type": "array", "minItems": 1,
        "items": [
            "type": "object", "required": ["role"],
            "properties": [
                "role": Shapes.word("system", "developer", "user", "assistant", "tool", "function"),
                // An assistant's call of a tool has none.
                "content": ["anyOf": [Shapes.textOrNull, ["type": "array", "minItems": 1, "items": part]]],
            ],
        ],
    ]

    private static let part: JSON = [
        "type": "object", "required": ["type"],
        "properties": [
            "type": Shapes.word("text", "image_url", "video_url", "input_audio", "file", "refusal"),
            "text": Shapes.text,
        ],
    ]

    /// What only models of pictures and videos know; others get it passed on.
    private static let ofMedia: [Field] = [
        .media(
            "image",
            Words("For pictures and videos: what to begin with.", "用于图像和视频模型：参考图。")),
        .media(
            "video",
            Words(
                "For videos: what to make a character of; of nothing else, where the prompt is empty.",
                "用于视频模型：用来创建角色的视频；提示词为空时只创建角色。")),
        Field(
            "remix_target_id", Shapes.nameOrNone,
            Words("For videos: a video to make anew.", "用于视频模型：要混剪的视频。")),
        .parameter("style_id", Words("For videos: a style.", "用于视频模型：风格。")),
        Field(
            "character_options",
            [
                "type": ["object", "null"],
                "properties": .object(
                    JSONObject(Field.character.map { (name: $0.name, value: $0.described) })),
            ],
            Words(
                "For videos: have a character made of the video, and how it is to be.",
                "用于视频模型：从视频创建角色，以及角色的设定。")),
    ]

    private static let texts: JSON = [
        "type": ["string", "array"], "minLength": 1, "minItems": 1,
    ]

    private func embeddings(_ route: Route) -> Operation {
        Operation(
            route: route, summary: Words("Embeddings", "向量"),
            body: BodyShape(
                fields: [
                    Field("model", Shapes.text, Words("An embedding model.", "向量模型。"), isRequired: true),
                    Field("input", Self.texts, Words("Texts.", "文本。"), isRequired: true),
                ], models: ModelChoice(kind: "embedding", spellings: [:]),
                example: ["model": "text-embedding-3-small", "input": "a cat"]),
            replies: [Reply(200, Words("The vectors.", "向量。"), .json("Embeddings"))],
            errors: [402, 404, 502, 504])
    }
}
