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
                route: Self.hubModels, summary: Words("Models", "模型列表"),
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
                ],
                example: [
                    "model": "gpt-4", "messages": [["role": "user", "content": "Say hello."]],
                ]),
            replies: [Reply(200, Words("The answer.", "应答。"), .jsonOrEvents("Completion"))],
            errors: [402, 404, 408, 409, 422, 502, 504])
    }

    private static let messages: JSON = [
        "type": "array", "minItems": 1,
        "items": [
            "type": "object", "required": ["role", "content"],
            "properties": [
                "role": Shapes.word("system", "user", "assistant"),
                "content": Shapes.text,
            ],
        ],
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
