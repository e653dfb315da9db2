import Core

extension JimengVideos: Described {
    var title: Words { Words("Jimeng videos", "即梦视频") }
    var summary: Words {
        Words("The request for a video is answered with the video itself.", "请求视频，直接返回视频。")
    }
    var errorShape: String { "Error" }

    var operations: [Operation] {
        [
            Operation(
                route: Self.create, summary: Words("Make a video and wait for it", "生成视频并等待结果"),
                body: Self.body,
                replies: [
                    Reply(200, Words("The video.", "生成的视频。"), .json("Results")),
                    Reply(202, .accepted, .json("Task")),
                ], isSubmit: true)
        ]
    }

    private static var body: BodyShape {
        let image = Words("Pictures: addresses, data URLs or base64.", "参考图：地址、data URL 或 Base64。")
        return BodyShape(
            fields: [
                .prompt(), .model,
                .number("duration", Words("Seconds.", "时长（秒）。")),
                .parameter("size", Words("Width and height.", "宽与高。")),
                .parameter("ratio", Words("Such as 16:9.", "画面比例，例如 16:9。")),
                .parameter("resolution", Words("Such as 1080p.", "分辨率，例如 1080p。")),
                .parameter("negative_prompt", Words("What is not to be seen.", "不希望出现的内容。")),
                .parameter("style_id", Words("A style.", "风格。")),
                .media("image", image), .responseFormat,
                Field(
                    "async", Shapes.flagOrNull,
                    Words("true: answer with the task.", "true 表示立即返回任务。")),
                .offPeak, .userIdentifier,
            ],
            files: [.file("image", .image, image, isList: true)],
            models: ModelChoice(
                kind: "video", usual: "sora-2", referenceField: "image",
                spellings: [
                    "seconds": "duration", "size": "size", "ratio": "ratio", "resolution": "resolution",
                    "negative_prompt": "negative_prompt", "style": "style_id",
                ]),
            example: ["model": "sora-2", "prompt": "a paper boat in the rain", "duration": 4])
    }
}
