import Core

extension Sora2API: Described {
    var title: Words { Words("Sora2API: accounts", "Sora2API：账号数据") }
    var summary: Words {
        Words(
            "Profiles, feeds, invite codes and prompts, by the operator's bridge; 501 without one.",
            "用户资料、作品、邀请码与提示词增强，由运营方的桥接服务提供；未配置时返回 501。")
    }
    var errorShape: String { "Error" }

    /// Of everything that the bridge answers.
    private static let errors: Set<Int> = [400, 404, 409, 501, 502]

    var operations: [Operation] { questions + characters }

    private var questions: [Operation] {
        [
            Self.asking(
                Self.inviteCodes, Words("An invite code (operators)", "获取邀请码（仅运营方）"), "SoraInvite"),
            Self.asking(
                Self.profile, Words("Somebody's profile", "用户资料"), "SoraProfile", [Self.account]),
            Self.asking(
                Self.userFeed, Words("What somebody has published", "用户作品"), "SoraUserFeed",
                [Self.limit(8), Self.cursor, Self.account]),
            Self.asking(
                Self.search, Words("Look for characters", "搜索角色"), "SoraSearch",
                [Self.username, Self.intent, Self.limit(10), Self.account]),
            Self.asking(
                Self.feed, Words("The public feed", "公共作品"), "SoraFeed",
                [Self.cut, Self.limit(8), Self.cursor, Self.account]),
            enhancement,
            Self.asking(
                Self.pendingTasks, Words("Unfinished tasks of an account (operators)", "账号的未完成任务（仅运营方）"),
                "SoraTasks"),
            Self.asking(
                Self.pendingTasks2, Words("The same by the second list (operators)", "未完成任务，第二种列表（仅运营方）"),
                "SoraTasks"),
            Self.asking(
                Self.pendingTask, Words("One of them (operators)", "任务进度（仅运营方）"), "SoraTask"),
            Self.asking(
                Self.ownFeed, Words("What an account has published (operators)", "账号发布的作品（仅运营方）"),
                "SoraOwnFeed", [Self.limit(8)]),
        ]
    }

    private var characters: [Operation] {
        [
            Operation(
                route: Self.create, summary: Words("Make a character of a video", "从视频创建角色"),
                body: Self.creation,
                replies: [
                    Reply(200, Words("The character.", "已创建的角色。"), .json("SoraMadeCharacter"))
                ], errors: Self.errors.union([403, 422])),
            Operation(
                route: Self.characters, summary: Words("Your characters", "我的角色列表"),
                replies: [Reply(200, .asItStands, .json("SoraCharacters"))]),
            Operation(
                route: Self.character, summary: Words("One of them", "角色详情"),
                replies: [Reply(200, .asItStands, .json("SoraCharacter"))], errors: [404]),
            Operation(
                route: Self.remove, summary: Words("Forget a character", "删除角色（仅从本系统删除）"),
                replies: [Reply(200, Words("It is gone here.", "已删除。"), .json("SoraMessage"))],
                errors: [404, 409]),
            Operation(
                route: Self.stats, summary: Words("What you have had made", "我的统计信息"),
                replies: [Reply(200, .asItStands, .json("SoraStats"))]),
        ]
    }

    private static let creation = BodyShape(
        fields: [
            Field("model", Shapes.textOrNull, Words("A model of videos.", "视频模型。")),
            Field(
                "video", ["type": ["string", "null"]],
                Words("An address, a data URL or base64; or `video_base64`.", "视频地址、data URL 或 Base64。")),
            Field("video_base64", Shapes.textOrNull, Words("The same.", "同上，Base64 视频。")),
        ] + Field.character,
        files: [.file("video", .video, Words("The video.", "视频文件。"))],
        example: ["video": "https://example.com/me.mp4", "timestamps": "0,3", "username": "my_character"])

    private static func asking(
        _ route: Route, _ summary: Words, _ shape: String, _ query: [Field] = []
    ) -> Operation {
        Operation(
            route: route, summary: summary, query: query, replies: [Reply(200, .asItStands, .json(shape))],
            errors: errors)
    }

    private var enhancement: Operation {
        Operation(
            route: Self.enhance, summary: Words("Write a prompt out", "提示词增强"), query: [Self.account],
            body: BodyShape(
                fields: [
                    .prompt(),
                    Field(
                        "expansion_level",
                        ["type": ["string", "null"], "enum": ["short", "medium", "long", "", .null]],
                        Words("How much longer; medium without it.", "扩写级别，默认 medium。")),
                    Field(
                        "duration_s", ["type": ["integer", "null"], "enum": [10, 15, .null]],
                        Words("Seconds of the film that it is for.", "视频时长（秒）。")),
                ], example: ["prompt": "a paper boat in the rain", "expansion_level": "short"]),
            replies: [
                Reply(200, Words("The prompt.", "增强后的提示词。"), .json("SoraPrompt"))
            ], errors: Self.errors)
    }

    private static let account = Field(
        "token_id", Shapes.row, Words("By which account (operators).", "指定账号（仅运营方）。"))
    private static let cursor = Field(
        "cursor", Shapes.text, Words("Where the page before has ended.", "上一页返回的游标。"))
    private static let username = Field(
        "username", ["type": "string", "minLength": 1, "maxLength": 128],
        Words("Part of a name.", "搜索的用户名。"), isRequired: true)
    private static let intent = Field(
        "intent", Shapes.word("users", "cameo"),
        Words("Anybody, or those who may be put into videos.", "所有用户，或可用于视频生成的用户。"))
    private static let cut = Field(
        "cut", Shapes.word("nf2_latest", "nf2_top"), Words("The newest or the best.", "最新或热门。"))

    private static func limit(_ usual: Int) -> Field {
        Field(
            "limit", ["type": "integer", "minimum": 1, "maximum": 100, "default": JSON(usual)],
            Words("Most items of the answer.", "返回的最大条数。"))
    }
}
