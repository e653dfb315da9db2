import Core

extension Batches: Described {
    var title: Words { Words("Batches", "批量提交") }
    var summary: Words {
        Words("Many tasks with one request, of any of the APIs.", "一次请求提交多个任务，可混用各种 API。")
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
                replies: [Reply(200, Words("What became of each line.", "每一行的结果。"), .json("Batch"))])
        ]
    }
}
