import Core

extension Batches: Described {
    var title: Words { Words("Batches and estimates", "批量提交与费用估算") }
    var summary: Words {
        Words(
            "Many tasks with one request, of any of the APIs; and what a call of one would cost.",
            "一次请求提交多个任务，可混用各种 API；也可估算任意调用的费用。")
    }
    var errorShape: String { "Error" }

    var operations: [Operation] {
        [
            Operation(
                route: Self.create,
                summary: Words("Submit many tasks, a line of JSON each", "批量提交，每行一个 JSON"),
                body: BodyShape(
                    fields: [
                        Field(
                            "custom_id", ["type": ["string", "null"], "minLength": 1, "maxLength": 128],
                            Words("Your name for the line.", "该行的自定义标识。"))
                    ] + EnclosedCall.fields,
                    example: [
                        "custom_id": "boat-1", "url": "/v1/videos",
                        "body": ["model": "sora-2", "prompt": "a paper boat in the rain", "seconds": 4],
                    ]),
                replies: [Reply(200, Words("What became of each line.", "每一行的结果。"), .json("Batch"))]),
            Operation(
                route: Self.estimate,
                summary: Words("What a call of any of the APIs would cost", "估算任意 API 调用的费用"),
                body: BodyShape(
                    fields: EnclosedCall.fields,
                    example: [
                        "url": "/v1/images/generations",
                        "body": ["model": "gpt-image-2", "prompt": "a paper boat", "n": 2],
                    ]),
                replies: [
                    Reply(
                        200,
                        Words(
                            "The price, were it accepted now; of a text model's answer the most it can be.",
                            "现在提交时的价格；文本模型为最高可能的费用。"), .json("Estimate"))
                ],
                errors: [402, 404, 409, 501]),
        ]
    }
}

extension EnclosedCall {
    fileprivate static let fields = [
        Field(
            "url", ["type": ["string", "null"], "minLength": 1, "maxLength": 128],
            Words("Where the body would be sent; /v1/videos.", "请求体对应的接口路径，默认 /v1/videos。")),
        Field(
            "body", ["type": "object"], Words("As that address takes it.", "该接口的请求体。"), isRequired: true),
    ]
}
