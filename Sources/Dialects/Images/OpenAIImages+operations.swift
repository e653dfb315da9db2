import Core

extension OpenAIImages: Described {
    var title: Words { Words("Images, Jimeng", "图像、即梦") }
    var summary: Words {
        Words(
            "Pictures as OpenAI's libraries ask for them, and tasks of every kind.",
            "按 OpenAI 官方库的方式生成图像；查询任意类型的任务。")
    }
    var errorShape: String { "Error" }

    var operations: [Operation] {
        let made = [
            Reply(200, Words("The pictures.", "生成的图像。"), .json("Results")),
            Reply(202, .accepted, .json("Task")),
        ]
        func pictures(_ route: Route, _ summary: Words, needsImage: Bool) -> Operation {
            Operation(
                route: route, summary: summary, body: Self.body(needsImage: needsImage), replies: made,
                isSubmit: true)
        }
        return [
            pictures(Self.create, Words("Make pictures", "生成图像"), needsImage: false),
            pictures(Self.edit, Words("Make pictures from pictures", "编辑图像"), needsImage: true),
            pictures(Self.compose, Words("Make pictures from pictures", "合成图像"), needsImage: true),
            pictures(Self.hubCreate, Words("Make pictures", "生成图像"), needsImage: false),
            pictures(Self.hubEdit, Words("Make pictures from pictures", "编辑图像"), needsImage: true),
            .status(Self.task, Words("One task, of any kind", "查询任意任务"), "Task"),
            Operation(
                route: Self.result, summary: Words("What a task has made", "任务结果"),
                query: [.wait, .responseFormat],
                replies: [Reply(200, .asItStands, .json("Results"))], errors: [404, 408, 409, 502, 504]),
            Operation(
                route: Self.remove, summary: Words("Delete a task", "删除任务"),
                replies: [Reply(200, Words("It is gone.", "已删除。"), .json("Deleted"))], errors: [404, 409]),
        ]
    }

    private static let spelled = [
        "n", "size", "quality", "style", "ratio", "resolution", "background", "output_format", "moderation",
        "input_fidelity", "output_compression",
    ]

    private static let looks: [Field] = [
        .parameter("quality", Words("Such as high.", "质量，例如 high。")),
        .parameter("style", Words("Such as vivid.", "风格，例如 vivid。")),
        .parameter("ratio", Words("Such as 16:9.", "画面比例，例如 16:9。")),
        .parameter("resolution", Words("Such as 2k.", "分辨率，例如 2k。")),
        .parameter("background", Words("Such as transparent.", "背景，例如 transparent。")),
        .parameter("output_format", Words("png, jpeg or webp.", "文件格式：png、jpeg 或 webp。")),
        .number("output_compression", Words("In per cent.", "压缩率（百分比）。")),
        .parameter("moderation", Words("How strictly it is moderated.", "内容审核的严格程度。")),
        .parameter("input_fidelity", Words("How close to the pictures given.", "与参考图的接近程度。")),
    ]

    private static func body(needsImage: Bool) -> BodyShape {
        let image = Words(
            "Pictures to begin with: addresses, data URLs or base64.", "参考图：地址、data URL 或 Base64。")
        return BodyShape(
            fields: [
                .prompt(), .model,
                .number("n", Words("How many.", "数量。")),
                .parameter("size", Words("Width and height, or a ratio.", "宽高，或比例。")),
            ] + Self.looks + [
                Field("image", [:], image, isRequired: needsImage),
                .responseFormat,
                Field(
                    "async", Shapes.flagOrNull,
                    Words("true: answer with the task.", "true 表示立即返回任务。")),
                .offPeak, .userIdentifier,
            ],
            files: [.file("image", .image, image, isList: true)],
            models: ModelChoice(
                kind: "image", usual: "gpt-image-2", referenceField: "image",
                referenceCount: (needsImage ? 1 : 0)...Limits.imageReferencesMax,
                spellings: Dictionary(uniqueKeysWithValues: spelled.map { ($0, $0) })),
            example: needsImage
                ? ["prompt": "make it snow", "image": Shapes.square]
                : ["prompt": "a cat in the snow", "size": "1024x1024", "n": 1])
    }
}
