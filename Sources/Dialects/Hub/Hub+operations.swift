import Core

extension Hub: Described {
    var title: Words { Words("Video hub", "视频中台") }
    var summary: Words {
        Words("Jobs by provider, quota and redemption codes.", "按服务商提交作业，查询额度，兑换码充值。")
    }
    var errorShape: String { "HubError" }

    var operations: [Operation] {
        [
            Operation(
                route: Self.submit, summary: Words("Make a video", "生成视频"), body: Self.body,
                replies: [Reply(200, .accepted, .json("HubJobID"))], isSubmit: true),
            .status(
                Self.status, Words("One job", "查询作业"), "HubJob",
                query: [Field("jobId", Shapes.name, Words("The job.", "作业 ID。"), isRequired: true)]),
            Operation(
                route: Self.quota, summary: Words("Your quota", "我的额度"),
                replies: [Reply(200, .asItStands, .json("HubQuota"))]),
            Operation(
                route: Self.redemption, summary: Words("Redeem a code", "兑换码充值"),
                body: .redemption,
                replies: [Reply(200, Words("Added.", "已充值。"), .json("HubRedemption"))],
                errors: [404, 409, 410]),
        ]
    }

    private static var body: BodyShape {
        BodyShape(
            fields: [
                .prompt(), .model,
                .parameter("provider", Words("Only models of this provider.", "只用该服务商的模型。")),
                .number("duration", Words("Seconds.", "时长（秒）。")),
                .parameter("aspect_ratio", Words("Such as 16:9.", "画面比例，例如 16:9。")),
                .parameter("negative_prompt", Words("What is not to be seen.", "不希望出现的内容。")),
                .media("image_url", Words("A picture to begin with.", "首帧图片。")),
                .userIdentifier,
            ],
            models: ModelChoice(
                kind: "video", usual: "sora-2", referenceField: "image_url", referenceCount: 0...1,
                vendorField: "provider",
                spellings: [
                    "seconds": "duration", "ratio": "aspect_ratio", "negative_prompt": "negative_prompt",
                ]),
            example: ["prompt": "a quiet harbour at dawn", "duration": 10])
    }
}
