import Core

extension OpenAIVideos: Described {
    var title: Words { Words("OpenAI videos, Sora2API", "OpenAI 视频、Sora2API") }
    var summary: Words {
        Words(
            "Videos as OpenAI's libraries ask for them; models, quota and health.",
            "按 OpenAI 官方库的方式生成视频；模型、额度与健康检查。")
    }
    var errorShape: String { "Error" }

    var operations: [Operation] { videos + others }

    private var videos: [Operation] {
        let video = Reply.Body.json("Video")
        return [
            Operation(
                route: Self.create, summary: Words("Make a video", "生成视频"), body: Self.body(isRemix: false),
                replies: [
                    Reply(
                        200, Words("The video, made or accepted.", "已生成或已受理的视频。"), video),
                    Reply(201, .accepted, video),
                ], isSubmit: true),
            Operation(
                route: Self.list, summary: Words("Your videos", "视频列表"), query: Self.pageFields,
                replies: [Reply(200, .asItStands, .json("VideoList"))], errors: [404]),
            .status(Self.retrieve, Words("One video", "查询视频"), "Video", errors: [408]),
            Operation(
                route: Self.content, summary: Words("The film itself", "下载视频"), query: [Self.variant],
                replies: [
                    Reply(200, Words("The bytes.", "视频内容。"), .bytes),
                    Reply(206, Words("A range of them.", "部分内容。"), .bytes),
                    Reply(302, Words("A link to them.", "跳转到下载链接。"), .none),
                ], errors: [404, 409, 416]),
            Operation(
                route: Self.remix, summary: Words("Make it anew", "重新混剪"), body: Self.body(isRemix: true),
                replies: [Reply(200, .accepted, video), Reply(201, .accepted, video)], isSubmit: true),
            Operation(
                route: Self.remove, summary: Words("Delete a video", "删除视频"),
                replies: [Reply(200, Words("It is gone.", "已删除。"), .json("Deleted"))], errors: [404, 409]),
        ]
    }

    private var others: [Operation] {
        [
            Operation(
                route: Self.models, summary: Words("Models", "模型列表"), query: Field.ofModels,
                replies: [Reply(200, .asItStands, .json("ModelList"))]),
            Operation(
                route: Self.model, summary: Words("One model", "查询模型"),
                replies: [Reply(200, .asItStands, .json("Model"))], errors: [404]),
            Operation(
                route: Self.quota, summary: Words("Your quota", "我的额度"),
                replies: [Reply(200, .asItStands, .json("Quota"))]),
            Operation(
                route: Self.redemption, summary: Words("Redeem a code", "兑换码充值"),
                body: .redemption,
                replies: [Reply(200, Words("Added.", "已充值。"), .json("Redemption"))],
                errors: [404, 409, 410]),
            Operation(
                route: Self.health, summary: Words("Whether it is well", "健康检查"),
                replies: [
                    Reply(200, Words("It is.", "正常。"), .json("Health")),
                    Reply(503, Words("It is not.", "异常。"), .json("Health")),
                ]),
            Operation(
                route: Self.media, summary: Words("A result by its signed link", "通过签名链接下载结果"),
                query: [
                    Field(
                        "expires", Shapes.text, Words("Until when, in seconds since 1970.", "到期时间（Unix 秒）。")),
                    Field("signature", Shapes.text, Words("The signature.", "签名。")),
                ],
                replies: [
                    Reply(200, Words("The bytes.", "内容。"), .bytes),
                    Reply(206, Words("A range of them.", "部分内容。"), .bytes),
                ], errors: [403, 404, 416]),
        ]
    }

    private static let variant = Field(
        "variant", ["type": "string", "enum": ["video", "thumbnail", "spritesheet"]],
        Words("Only `video` is there.", "目前只有 video。"))

    private static let pageFields: [Field] = [
        Field(
            "limit", ["type": "integer", "minimum": 0, "maximum": 100, "default": 20],
            Words("Most videos of the answer.", "返回的最大条数。")),
        Field("order", ["type": "string", "enum": ["asc", "desc"]], Words("By age.", "按时间排序。")),
        Field("after", Shapes.name, Words("The last video of the page before.", "上一页最后一个视频的 ID。")),
    ]

    private static func body(isRemix: Bool) -> BodyShape {
        var fields: [Field] = [
            .prompt(), .model,
            .number("seconds", Words("Length; text is taken too.", "时长（秒），也可为文本。")),
            .parameter("size", Words("Width and height.", "宽与高。")),
            .parameter("style_id", Words("A style.", "风格。")),
            .media("input_reference", Words("A picture to begin with.", "首帧图片。")),
            Field(
                "async_mode", ["type": ["boolean", "null"], "default": true],
                Words("false: wait for the result.", "false 表示等待结果。")),
            .offPeak, .userIdentifier,
        ]
        if !isRemix {
            fields.append(
                Field("remix_target_id", Shapes.nameOrNone, Words("A video to make anew.", "要混剪的视频。")))
        }
        return BodyShape(
            fields: fields,
            files: [.file("input_reference", .image, Words("A picture to begin with.", "首帧图片。"))],
            models: ModelChoice(
                kind: "video", usual: isRemix ? nil : "sora-2", isInherited: isRemix,
                referenceField: "input_reference", referenceCount: 0...1,
                spellings: ["seconds": "seconds", "size": "size", "style": "style_id"]),
            example: ["model": "sora-2", "prompt": "a paper boat in the rain", "seconds": 4])
    }
}
