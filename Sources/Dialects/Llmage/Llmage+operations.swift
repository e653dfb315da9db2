import Core

extension Llmage: Described {
    var title: Words { Words("llmage", "llmage（元境）") }
    var summary: Words {
        Words(
            "Models by what they make (catelogid), pictures and videos as tasks, chats of a prompt.",
            "按用途（catelogid）选择模型；图像与视频以任务方式生成；以提示词对话。")
    }
    var errorShape: String { "LlmageError" }

    var operations: [Operation] {
        [
            Operation(
                route: Self.models, summary: Words("Models", "模型列表"),
                query: [
                    Field("catelogid", Shapes.text, Words("Only those used so.", "只返回该用途的模型。"))
                ],
                replies: [Reply(200, .asItStands, .json("LlmageModels"))]),
            Operation(
                route: Self.chat, summary: Words("Chat", "对话"), body: Self.chatBody,
                replies: [Reply(200, Words("The answer.", "应答。"), .jsonOrEvents("LlmageCompletion"))],
                errors: [402, 502, 504]),
            Operation(
                route: Self.image, summary: Words("Make a picture", "生成图像"), body: Self.body(.image),
                replies: [Reply(200, .accepted, .json("LlmageTaskID"))], isSubmit: true),
            Operation(
                route: Self.video, summary: Words("Make a video", "生成视频"), body: Self.body(.video),
                replies: [Reply(200, .accepted, .json("LlmageTaskID"))], isSubmit: true),
            .status(
                Self.tasks, Words("One task", "查询任务"), "LlmageTask",
                query: [Field("taskid", Shapes.name, Words("The task.", "任务 ID。"), isRequired: true)]),
        ]
    }

    private static let chatBody = BodyShape(
        fields: [
            Field("model", Shapes.text, Words("A text model.", "文本模型。"), isRequired: true),
            Field(
                "prompt", ["type": "string", "minLength": 1], Words("What to say.", "提示词。"),
                isRequired: true),
            Field("sys_prompt", Shapes.textOrNull, Words("What the model is to be.", "系统提示词。")),
            Field("stream", Shapes.flagOrNull, Words("true: as events.", "true 表示以事件流返回。")),
        ],
        models: ModelChoice(kind: "chat", spellings: [:]),
        example: ["model": "gpt-4", "prompt": "Say hello."])

    private static func body(_ kind: MediaKind) -> BodyShape {
        let parameters: [Field] = [
            .parameter("negative_prompt", Words("What is not to be seen.", "不希望出现的内容。")),
            .parameter("size", Words("Width and height.", "宽与高。")),
            .parameter("ratio", Words("Such as 16:9.", "画面比例，例如 16:9。")),
            .parameter("resolution", Words("Such as 1080p.", "分辨率，例如 1080p。")),
            .number("duration", Words("Seconds.", "时长（秒）。")),
            Field(
                "off_peak", ["type": ["string", "null"], "enum": ["Y", "N", "", .null]],
                Words("Y: in the off-peak hours, at their price.", "Y 表示闲时执行，按闲时价格计费。")),
        ]
        let frames: [Field] = [
            Field.media("image1_file", Words("The first picture.", "首帧图片。")),
            Field.media("image2_file", Words("The last picture.", "尾帧图片。")),
        ]
        let files: [Field] = [
            .file("image1_file", .image, Words("The first picture.", "首帧图片。")),
            .file("image2_file", .image, Words("The last picture.", "尾帧图片。")),
            .file("image_files", .image, Words("Pictures to be seen in it.", "参考图片。"), isList: true),
            .file("video_files", .video, Words("Videos to go by.", "参考视频。"), isList: true),
            .file("audio_files", .audio, Words("Sounds to be heard in it.", "参考音频。"), isList: true),
        ]
        return BodyShape(
            fields: [
                Field("model", Shapes.text, Words("The id of a model.", "模型 ID。"), isRequired: true),
                Field("catelogid", Shapes.text, Words("How it is used.", "用途。"), isRequired: true),
                .prompt(),
            ] + parameters + (kind == .video ? frames : []),
            files: kind == .video ? files : [],
            models: ModelChoice(
                kind: kind.rawValue, categoryField: "catelogid",
                referenceCount: 0...(kind == .video ? Limits.imageReferencesMax : 0),
                spellings: [
                    "seconds": "duration", "size": "size", "ratio": "ratio", "resolution": "resolution",
                    "negative_prompt": "negative_prompt",
                ]),
            example: kind == .video
                ? [
                    "model": "happyhorse-1.0-t2v", "catelogid": "t2v", "prompt": "a quiet harbour at dawn",
                    "duration": 5,
                ]
                : ["model": "wan2.2-t2i-plus", "catelogid": "t2i", "prompt": "a cat in the snow"])
    }
}
