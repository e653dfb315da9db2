import Core

/// A chat whose answer is a picture or a video. The last message of the user says what is wanted; what has
/// been made is named in the answer, as clients of the model's family know it: those of Sora2API by a JSON
/// text, others in Markdown. Sources: the documents of Sora2API and of Jimeng's gateway.
struct MediaChat: Sendable {
    enum Format {
        case json, markdown

        init(of family: String, _ options: KeyOptions) {
            switch options.chatFormat {
            case .auto: self = family == "sora" ? .json : .markdown
            case .json: self = .json
            case .markdown: self = .markdown
            }
        }
    }

    let task: MediaTask
    let format: Format
    let origin: String

    init(_ task: MediaTask, of family: String, _ exchange: Exchange) {
        self.task = task
        origin = exchange.origin
        format = Format(of: family, exchange.options)
    }
}
