import Core

extension OpenArt: Described {
    var title: Words { Words("OpenArt style", "OpenArt 风格") }
    var summary: Words {
        Words(
            "Videos with pictures and sounds as references, named in the prompt as @image1 or @audio1.",
            "以图片和音频为参考生成视频，提示词里用 @image1、@audio1 指代。")
    }
    var errorShape: String { "Error" }

    var operations: [Operation] {
        [
            Operation(
                route: Self.generate, summary: Words("Make a video", "生成视频"),
                body: Self.body(files: []), replies: [Reply(200, .accepted, .json("OpenArtTaskID"))],
                isSubmit: true),
            Operation(
                route: Self.generateWithFile, summary: Words("Make a video with files", "带文件生成视频"),
                body: Self.body(files: Self.files),
                replies: [Reply(200, .accepted, .json("OpenArtTaskID"))], isSubmit: true),
            .status(Self.task, Words("One task", "查询任务"), "OpenArtTask"),
            Operation(
                route: Self.tasks, summary: Words("The newest tasks", "最近的任务"), query: Self.pageFields,
                replies: [Reply(200, .asItStands, .list("OpenArtTask"))]),
            Operation(
                route: Self.stats, summary: Words("How busy it is", "负载统计"),
                replies: [Reply(200, .asItStands, .json("OpenArtStats"))]),
            Operation(
                route: Self.credits, summary: Words("What is left, and what a video costs", "剩余额度与单价"),
                replies: [Reply(200, .asItStands, .json("OpenArtCredits"))]),
        ]
    }

    private static func body(files: [Field]) -> BodyShape {
        BodyShape(
            fields: [
                .prompt(),
                .number("duration", Words("Seconds.", "时长（秒）。")),
                .parameter("aspect_ratio", Words("Such as 16:9.", "画面比例，例如 16:9。")),
                .media(
                    "refs",
                    Words(
                        "Pictures and sounds by address; in a form as the text of the JSON.",
                        "以地址给出的图片与音频；表单中为 JSON 文本。")),
                .userIdentifier,
            ],
            files: files,
            models: ModelChoice(
                kind: "video", family: "openart", field: nil, usual: model, referenceField: "refs",
                references: refs, referenceText: ["type": "string", "format": "references"],
                spellings: ["seconds": "duration", "ratio": "aspect_ratio"]),
            example: ["prompt": "a quiet harbour at dawn", "duration": 5, "aspect_ratio": "16:9"])
    }

    private static let refs: JSON = [
        "type": "array", "maxItems": 12,
        "items": [
            "type": "object", "required": ["type", "url"],
            "properties": ["type": Shapes.word("image", "audio"), "url": Shapes.picture],
        ],
    ]

    private static let files: [Field] = [
        .file(
            "image_files", .image, Words("Pictures: JPEG, PNG or WebP.", "图片：JPEG、PNG 或 WebP。"),
            isList: true),
        .file(
            "audio_files", .audio, Words("Sounds: WAV or MP3, 2 to 15 s.", "音频：WAV 或 MP3，2–15 秒。"),
            isList: true),
    ]

    private static let pageFields: [Field] = [
        Field(
            "limit", ["type": "integer", "minimum": 1, "maximum": 500, "default": 50],
            Words("Most tasks of the answer.", "返回的最大条数。")),
        Field(
            "offset", ["type": "integer", "minimum": 0, "maximum": JSON(Limits.tasksCountedMax)],
            Words("How many to skip.", "跳过的条数。")),
        Field(
            "status", ["type": "string", "enum": .array(Progress.allCases.map { .string($0.rawValue) })],
            Words("Only tasks in this state.", "只返回该状态的任务。")),
    ]
}
