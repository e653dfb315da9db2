import Core

/// Fields that several dialects take. Null and the empty text stand for what is not given.
extension Field {
    static func prompt(isRequired: Bool = true) -> Field {
        Field(
            "prompt", ["type": "string", "minLength": 1, "maxLength": JSON(Limits.promptCharactersMax)],
            Words("What is to be seen.", "画面内容的描述。"), isRequired: isRequired)
    }

    static let model = Field(
        "model", Shapes.textOrNull, Words("The id of a model; without it the usual one.", "模型 ID；不填则用默认模型。"))

    static let userIdentifier = Field(
        "user_identifier", ["type": ["string", "null"], "maxLength": 128],
        Words("Your own name for your user: usage is counted by it.", "你方的用户标识，用于用量统计。"))

    static let offPeak = Field(
        "off_peak", Shapes.flagOrNull,
        Words("Start it in the off-peak hours, at their price.", "在闲时开始执行，按闲时价格计费。"))

    /// A text. Which ones may stand here the model says.
    static func parameter(_ name: String, _ words: Words) -> Field { Field(name, Shapes.textOrNull, words) }

    /// A whole number, or a text that spells one. Which ones may stand here the model says.
    static func number(_ name: String, _ words: Words) -> Field { Field(name, Shapes.wholeOrText, words) }

    /// What stands for media. What may stand here, if anything, the model says.
    static func media(_ name: String, _ words: Words) -> Field { Field(name, [:], words) }

    static let ofModels = [
        Field(
            "type", ["type": "string", "enum": .array(ModelFilter.kinds.map { .string($0) })],
            Words("Only those that make this.", "只列出该类型的模型。")),
        Field("owned_by", Shapes.text, Words("Only those of this family.", "只列出该系列的模型。")),
    ]

    static let wait = Field(
        "wait",
        ["type": "integer", "minimum": 0, "maximum": JSON(Limits.syncWaitSecondsMax)],
        Words("Seconds to wait for the end of the task.", "等待任务结束的秒数。"))

    static let lastEventID = Field(
        "Last-Event-ID", Shapes.text,
        Words(
            "Of a client that follows the task and comes back: the id of the last event.",
            "断线重连的事件流客户端所收到的最后一个事件的 id。"))

    /// A part of a form. Its type is told by its bytes, whatever the form says.
    static func file(
        _ name: String, _ family: MediaType.Family, _ words: Words, isList: Bool = false
    ) -> Field {
        var field = Field(name, isList ? Shapes.files : Shapes.file, words)
        field.contentType = ReferenceRule.types(of: family).map(\.rawValue).joined(separator: ", ")
        return field
    }

    static let responseFormat = Field(
        "response_format", ["type": ["string", "null"], "enum": ["url", "b64_json", "", .null]],
        Words("Links or the bytes as base64.", "返回链接，或 Base64 编码的内容。"))
}

extension Field {
    /// What may be said of a character.
    static let character = [
        Field(
            "timestamps",
            [
                "type": ["string", "null"],
                "pattern": "^([0-9]{1,4}(\\.[0-9]{1,3})?,[0-9]{1,4}(\\.[0-9]{1,3})?)?$",
            ],
            Words("From which second to which; 0,3 without it.", "视频时间戳，默认 0,3。")),
        Field(
            "username", ["type": ["string", "null"], "maxLength": 64, "pattern": "^[^\\s@]*$"],
            Words("Without blanks and @.", "角色用户名（不含空格和 @）。")),
        Field("display_name", ["type": ["string", "null"], "maxLength": 128], Words("Its name.", "显示名称。")),
        Field(
            "instruction_set", ["type": ["string", "null"], "maxLength": 8000],
            Words("How it behaves.", "角色指令集。")),
        Field(
            "safety_instruction_set", ["type": ["string", "null"], "maxLength": 8000],
            Words("What it must not do.", "安全指令集。")),
    ]
}

extension BodyShape {
    static let redemption = BodyShape(
        fields: [
            Field(
                "code", ["type": "string", "minLength": 1], Words("The code.", "兑换码。"), isRequired: true)
        ], example: ["code": "REDEEM-XXXX-XXXX"])
}

extension Words {
    static let accepted = Words("Accepted.", "已受理。")
    static let asItStands = Words("As it stands.", "当前状态。")
}

extension Operation {
    /// How one task stands: as it is, or as events for whoever accepts `text/event-stream`.
    static func status(
        _ route: Route, _ summary: Words, _ shape: String, query: [Field] = [], errors: Set<Int> = []
    ) -> Operation {
        Operation(
            route: route, summary: summary, query: query + [.wait], headers: [.lastEventID],
            replies: [
                Reply(
                    200,
                    Words(
                        "As it stands; for Accept: text/event-stream, each change of it too, until its end.",
                        "当前状态；若 Accept 为 text/event-stream，则持续推送每次变化，直到任务结束。"),
                    .jsonOrEvents(shape)),
                Reply(
                    204, Words("Who follows it has heard of its end.", "事件流客户端已收到任务的结束状态。"), .none),
            ], errors: errors.union([404]))
    }
}
