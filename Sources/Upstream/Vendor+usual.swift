public import Core

// What most vendors have in common: a vendor's file says only what differs.

extension Vendor {
    public func usage(in reply: HTTPReply) -> JSON? { told("usage", in: reply) }

    /// An object of that name in a reply.
    func told(_ name: String, in reply: HTTPReply) -> JSON? {
        guard let told = (try? json(reply))?[name], told.objectValue != nil else { return nil }
        return told
    }

    public func contentError(_ reply: HTTPReply) -> KinoraError? {
        switch reply.status {
        case 200: nil
        case 403, 404, 410: KinoraError(.upstreamEmptyResult, detail: reply.excerpt)
        default: error(of: reply)
        }
    }

    public func removalError(_ reply: HTTPReply) -> KinoraError? {
        switch reply.status {
        case 200..<300, 404, 410: nil
        default: error(of: reply)
        }
    }

    /// A probe that asks for the balance.
    public func probed(_ reply: HTTPReply) throws(KinoraError) { _ = try credits([reply]) }

    /// The JSON of a reply that calls itself a success.
    func json(_ reply: HTTPReply) throws(KinoraError) -> JSON {
        guard (200..<300).contains(reply.status) else { throw error(of: reply) }
        do { return try JSONParser.parse(reply.body) } catch {
            throw KinoraError(.upstreamProtocol, detail: "\(error.message) \(reply.excerpt)")
        }
    }
}

extension VendorAccount {
    func authorization(_ scheme: String = "Bearer") -> HTTPCall.Header {
        ("Authorization", Secret("\(scheme) \(credential.revealed())"))
    }

    func headers(_ scheme: String = "Bearer") -> [HTTPCall.Header] {
        [authorization(scheme), HTTPCall.acceptsJSON]
    }
}

extension HTTPCall {
    static let acceptsJSON: Header = ("Accept", Secret("application/json"))

    /// The same as a submit: it costs money.
    var once: HTTPCall {
        var call = self
        call.timeoutSeconds = Limits.submitSecondsMax
        call.isRepeatable = false
        return call
    }
}

extension VendorJob {
    /// For vendors that have no remixes.
    func refuseRemix() throws(KinoraError) {
        guard remixOf == nil else {
            throw KinoraError(
                .unsupportedByVendor, "This model cannot make remixes.", field: "remix_target_id")
        }
    }

    /// For vendors that make films of a text, or from a picture, or between two: whether it has pictures.
    func hasFrames() throws(KinoraError) -> Bool {
        switch (category, references.count) {
        case (.t2v, 0): return false
        case (.i2v, 1...2) where references.allSatisfy({ $0.type.family == .image }): return true
        default:
            throw KinoraError(
                .unsupportedByVendor, "This model does not take these references.", field: "references")
        }
    }
}

extension HTTPReply {
    /// `id`: where the id of an accepted task stands.
    func ticket(_ id: JSON?) throws(KinoraError) -> VendorAnswer {
        guard let id = id?.stringValue, (1...512).contains(id.utf8.count) else {
            throw KinoraError(.upstreamProtocol, detail: "the accepted task has no id: \(excerpt)")
        }
        return .ticket(id)
    }

    /// A task that is done. Without an address it has failed.
    func completed(_ links: [String?]) -> VendorProgress {
        let links = links.compactMap(\.self).filter { !$0.isEmpty }
        guard !links.isEmpty else { return .failed(KinoraError(.upstreamEmptyResult, detail: excerpt)) }
        return .completed(links.map { VendorResult(.link($0)) })
    }

    /// A list that must be there.
    func list(_ value: JSON?, of things: String) throws(KinoraError) -> [JSON] {
        guard let list = value?.arrayValue else {
            throw KinoraError(.upstreamProtocol, detail: "the \(things) are no list: \(excerpt)")
        }
        return list
    }

    /// A number of credits.
    func amount(_ value: JSON?, _ name: String) throws(KinoraError) -> Double {
        guard let amount = value?.doubleValue, (0...1e12).contains(amount) else {
            throw KinoraError(.upstreamProtocol, detail: "\(name) is no amount: \(excerpt)")
        }
        return amount
    }

    /// Credits in micro-units, a credit being a million of them, or as many as `micros`.
    func credits(_ amount: Double, micros: Double = 1_000_000) -> Int64 {
        Int64((min(max(amount, -1e12), 1e12) * micros).rounded())
    }

    /// What its status says, where it has no words that are known.
    var kind: ErrorCode {
        switch status {
        // A wall before the vendor, which dislikes our address or what was asked: no word about the key.
        case 403 where isPage: .upstreamProtocol
        case 401, 403: .upstreamCredential
        case 402: .upstreamMoney
        case 429: .upstreamRate
        case 408, 500...: .upstreamServer
        case 400..<500: .upstreamRequest
        default: .upstreamProtocol
        }
    }

    /// Whether it is for a person's eyes.
    var isPage: Bool {
        body.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "<")
    }

    func unknown(_ word: String?, as what: String = "status") -> KinoraError {
        KinoraError(.upstreamProtocol, detail: "unknown \(what) '\(word ?? "none")': \(excerpt)")
    }
}
