public import Core

/// Services of Sora2API's first kind: they have chats alone, whose answer, event by event, lasts as long as
/// what they make and ends with where that is. The base URL ends in `/v1`.
///
/// Sources: TheSmallHanCat/sora2api (src/api/routes.py, src/services/generation_handler.py), and the
/// documents of those that came after it.
public struct SoraChat: Vendor {
    public init() {}

    public let name = "sora-chat"
    public let pollInterval: ClosedRange<Duration> = .seconds(5) ... .seconds(20)

    /// It has OpenAI's list of models, and OpenAI's words as far as it has any.
    private let openAI = OpenAI()

    /// The service names no bound: one picture as large as Kinora takes it, as base64.
    private static let bodyBytesMax = Int64(Limits.referenceBytesMax) / 3 * 4 + 1 << 20

    // MARK: submit

    public func submit(_ job: VendorJob, _ account: VendorAccount) throws(KinoraError) -> HTTPCall {
        // A remix is asked for by what Sora's site calls the film, which no answer tells.
        try job.refuseRemix()
        try Self.check(job)
        var files = InlineReferences(of: job, bodyBytesMax: Self.bodyBytesMax)
        var parts: [JSON] = [["type": "text", "text": .string(job.prompt)]]
        for reference in job.references {
            parts.append(["type": "image_url", "image_url": ["url": try files.dataURL(reference)]])
        }
        let content: JSON = job.references.isEmpty ? .string(job.prompt) : .array(parts)
        // Without a stream it makes nothing, and says only whether it could.
        var fields: JSONObject = [
            "model": .string(job.model), "stream": true, "messages": [["role": "user", "content": content]],
        ]
        // Of pictures `style` is something else, which the chats do not have.
        if [.t2v, .i2v].contains(job.category) { fields["style_id"] = job.parameters["style"] }
        var call = HTTPCall(
            .post, account.url("/chat/completions"),
            headers: [
                account.authorization(), ("Accept", Secret("text/event-stream")),
                ("Idempotency-Key", Secret(job.token)),
            ], body: files.body(fields), timeoutSeconds: Limits.submitSecondsMax, isRepeatable: false)
        // The answer is the result, by its links.
        call.mediaMembers = []
        return call
    }

    /// A chat says neither length nor shape: the model's name does.
    private static func check(_ job: VendorJob) throws(KinoraError) {
        func refuse(_ what: String, _ field: String) -> KinoraError {
            KinoraError(.unsupportedByVendor, "This model \(what).", field: field)
        }
        // Of a film it would make a character first.
        let takesPictures = [.t2v, .i2v, .t2i, .i2i].contains(job.category)
        guard takesPictures, job.references.count <= 1,
            job.references.allSatisfy({ $0.type.family == .image })
        else { throw refuse("takes one reference image", "references") }
        if let length = job.model.firstMatch(of: #/-(\d+)s$/#)?.1,
            let seconds = job.parameters["seconds"]?.integerValue, seconds != Int64(length)
        {
            throw refuse("makes videos of \(length) seconds", "seconds")
        }
        let shapes = [(name: "landscape", ratio: "16:9"), (name: "portrait", ratio: "9:16")]
        if let named = shapes.first(where: { job.model.contains($0.name) }),
            let size = job.parameters["size"]?.stringValue,
            let shape = FrameShape(size, among: shapes.map(\.ratio) + ["1:1"]), shape.ratio != named.ratio
        {
            throw refuse("makes the shape \(named.name)", "size")
        }
    }

    public func accepted(
        _ reply: HTTPReply, for job: @autoclosure () -> VendorJob
    ) throws(KinoraError) -> VendorAnswer {
        guard (200..<300).contains(reply.status) else {
            let error = error(of: reply)
            // It says so by 500, and before anything begins.
            if error.code == .upstreamModelClosed { return .refused(error) }
            throw error
        }
        let said = try SoraChatAnswer(reply)
        if let failure = said.failure { return .refused(failure) }
        guard said.hasEnded else {
            throw KinoraError(.upstreamProtocol, detail: "the answer has no end: \(reply.excerpt)")
        }
        let links = said.links
        if !links.isEmpty { return .made(links.map { VendorResult(.link($0)) }) }
        let detail = "it said: \(said.content.prefix(300))"
        if said.hasFailed || VendorWords.tellRefusal(said.content) {
            return .refused(KinoraError(.contentRefused, detail: detail))
        }
        throw KinoraError(.upstreamEmptyResult, detail: detail)
    }

    // MARK: poll

    /// There is nothing to poll: whatever is accepted is done.
    public func poll(_ ticket: String, _ account: VendorAccount) -> HTTPCall { probe(account) }

    public func progress(
        _ reply: HTTPReply, of ticket: String, _ account: VendorAccount
    ) throws(KinoraError) -> VendorProgress {
        throw KinoraError(.upstreamExpired, detail: "the service keeps no tasks")
    }

    // MARK: the rest

    public func probe(_ account: VendorAccount) -> HTTPCall { openAI.probe(account) }

    public func probed(_ reply: HTTPReply) throws(KinoraError) { try openAI.probed(reply) }

    public func error(of reply: HTTPReply) -> KinoraError {
        let message = (try? JSONParser.parse(reply.body))?["error"]?["message"]?.stringValue ?? ""
        guard !message.hasPrefix("Invalid model") else {
            return KinoraError(.upstreamModelClosed, detail: reply.excerpt)
        }
        return openAI.error(of: reply)
    }
}
