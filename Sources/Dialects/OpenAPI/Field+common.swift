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

    /// What may stand here the model says.
    static func parameter(_ name: String, _ words: Words) -> Field { Field(name, [:], words) }

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
        let one: JSON = [:]
        var field = Field(name, isList ? ["type": "array", "items": one] : one, words)
        field.contentType = ReferenceRule.types(of: family).map(\.rawValue).joined(separator: ", ")
        return field
    }

    static let responseFormat = Field(
        "response_format", ["type": ["string", "null"], "enum": ["url", "b64_json", "", .null]],
        Words("Links or the bytes as base64.", "返回链接，或 Base64 编码的内容。"))
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
