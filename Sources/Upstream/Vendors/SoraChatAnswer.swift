import Core

/// What a chat of Sora2API's kind has said: words of progress, and at the end a text that names what was
/// made.
struct SoraChatAnswer {
    private(set) var content = ""
    /// Whether it came to its end. Where it was cut off, nobody knows what became of it.
    private(set) var hasEnded = false
    /// Whether a stage of the work was called an error: so they tell that the content is refused.
    private(set) var hasFailed = false
    /// The error that came instead of more.
    private(set) var failure: KinoraError?
    /// Whether it told of progress.
    private var hasBegun = false

    /// Throws `upstreamProtocol` for what is no such answer.
    init(_ reply: HTTPReply) throws(KinoraError) {
        if let whole = try? JSONParser.parse(reply.body) {
            heed(whole)
            guard failure != nil else {
                throw KinoraError(.upstreamProtocol, detail: "the answer is no stream: \(reply.excerpt)")
            }
            return
        }
        var splitter = EventSplitter()
        let events = try splitter.take(reply.body)
        for event in events + [splitter.takeRest()] {
            guard let data = EventSplitter.data(of: event) else { continue }
            if data == Self.end {
                hasEnded = true
                continue
            }
            do { heed(try JSONParser.parse(data)) } catch {
                let words = String(decoding: data.prefix(300), as: UTF8.self)
                throw KinoraError(.upstreamProtocol, detail: "an event makes no sense: \(words)")
            }
        }
    }

    private static let end = Array("[DONE]".utf8)

    private mutating func heed(_ event: JSON) {
        if let error = event["error"], !error.isNull { failure = understood(error) }
        let choice = event["choices"]?.arrayValue?.first
        // They write it in either case, and null until then.
        if choice?["finish_reason"]?.stringValue != nil { hasEnded = true }
        let delta = choice?["delta"]
        // An object that names its stage, or a text that may begin with it.
        if let progress = delta?["reasoning_content"], !progress.isNull {
            hasBegun = true
            if progress["stage"] == "error" || progress.stringValue?.hasPrefix("[error]") == true {
                hasFailed = true
            }
        }
        content += delta?["content"]?.stringValue ?? ""
    }

    /// Once it has told of progress, what it makes may be under way and be paid for: nobody else is asked.
    private func understood(_ error: JSON) -> KinoraError {
        let words = error.text
        let kind: ErrorCode =
            VendorWords.tellRefusal(words)
            ? .contentRefused : hasBegun ? .generationFailed : .upstreamServer
        return KinoraError(kind, detail: "in the answer: \(words.prefix(300))")
    }

    /// Where what was made is: in a text of JSON, in pictures of Markdown, or in a `video` of HTML.
    var links: [String] {
        let found: [String]
        if let json = try? JSONParser.parse(Array(content.utf8)) {
            found = (json["urls"]?.arrayValue ?? [json["url"] ?? .null]).compactMap(\.stringValue)
        } else {
            let signs = #/!\[[^\]]*\]\(([^)\s]+)|<video[^>]*\ssrc=["']([^"']+)/#
            found = content.matches(of: signs).compactMap {
                ($0.output.1 ?? $0.output.2).map(String.init)
            }
        }
        return found.filter { $0.hasPrefix("https://") || $0.hasPrefix("http://") }
    }
}
