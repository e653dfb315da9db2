import Core
import Crypto
import Foundation
import TestSupport
import Testing
import Upstream

/// Tests/Golden/vendors/NAME/KIND: what a vendor's adapter sends, and what it makes of replies. A file may
/// hold several cases, divided by rules; what they give stands in the same order, divided by blank lines.
///
/// - `submit`: a job as JSON, which may name another key; gives the call, signed at a time of the tests'.
/// - `accepted`, `progress`, `content`: a reply; gives the vendor's id, the progress, the refusal.
/// - `parts`: tickets; gives the calls of their polls, and what they say of the parts of their tasks.
/// - `removal`: a reply; gives the call, once, and then the refusals.
/// - `cancel`: nothing; gives the call.
/// - `probe`: a reply; gives the call, once, and then the refusals.
/// - `balance`: as many replies as there are calls, again and again; gives the calls, once, and then credits.
/// - `usage`: a reply; gives what it says of usage.
/// - `found`: a job, and then replies to a look-up; gives the call, once, and what they say.
///
/// A reply is its status, its headers, a blank line, and a body.
@Suite struct VendorGoldenTests {
    private static let key = "sk-golden-0123456789"
    /// When everything happens.
    private static let now = Timestamp(seconds: 1_767_323_045)
    private let account = VendorAccount(
        row: 1, baseURL: "https://api.example/v1/", credential: Secret(key), proxyURL: nil)

    private func job(_ text: String) throws -> VendorJob {
        let json = try JSONParser.parse(Array(text.utf8))
        let references = try (json["references"]?.arrayValue ?? []).map { value in
            let type = try #require(value.stringValue.flatMap(MediaType.init(rawValue:)))
            let name = "1.\(type.fileExtension)"
            return VendorReference(
                path: "/media/\(name)", type: type, bytes: json["bytes_each"]?.integerValue ?? 1000,
                link: json["is_reachable"] == false ? nil : "https://kinora.example/media/\(name)?signature=s"
            )
        }
        return VendorJob(
            model: json["model"]?.stringValue ?? "sora-2",
            category: json["category"]?.stringValue.flatMap(Category.init(rawValue:)) ?? .t2v,
            prompt: json["prompt"]?.stringValue ?? "a cat",
            parameters: json["parameters"]?.objectValue ?? ["seconds": 4, "size": "720x1280"],
            references: references, remixOf: json["remix_of"]?.stringValue, token: "token-1",
            callbackURL: json["callback_url"]?.stringValue,
            startedAt: Timestamp(seconds: 1_767_000_000),
            timeLeft: .seconds(3600 * (json["hours_left"]?.integerValue ?? 1)))
    }

    /// The account of a job that names a key.
    private func account(_ text: String) throws -> VendorAccount {
        guard let key = try JSONParser.parse(Array(text.utf8))["key"]?.stringValue else { return account }
        return VendorAccount(row: 1, baseURL: account.baseURL, credential: Secret(key))
    }

    private func reply(_ text: String) throws -> HTTPReply {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let head = lines.prefix { !$0.isEmpty }
        var headers: [String: String] = [:]
        for line in head.dropFirst() {
            let halves = line.split(separator: ": ", maxSplits: 1).map(String.init)
            headers[halves[0].lowercased()] = halves[1]
        }
        let body = lines.dropFirst(head.count + 1).joined(separator: "\n")
        let status = try #require(head.first.flatMap { Int($0) })
        return HTTPReply(status: status, headers: headers, body: Array(body.utf8))
    }

    // What is given back, as text.

    private func show(_ call: HTTPCall) -> String {
        #expect(!"\(call)".contains(Self.key), "a call that is printed tells no secret")
        var lines = ["\(call.method.rawValue) \(call.url)"]
        lines += call.headers.map { header in
            "\(header.name.lowercased()): \(header.value.revealed().replacing(Self.key, with: "{key}"))"
        }
        lines.append("(\(call.isRepeatable ? "repeatable" : "once"), \(call.timeoutSeconds) s)")
        if let signing = call.signing {
            lines += signing(Self.bodyHash(of: call), Self.now).map { header in
                let value = header.value.revealed().replacing(Self.key, with: "{key}")
                return "\(header.name.lowercased()): \(value) (signed)"
            }
        }
        if let members = call.mediaMembers { lines.append("(media: \(members.sorted()))") }
        switch call.body {
        case .none: break
        case .json(let json): lines += ["", json.text]
        case .jsonBytes(let bytes): lines += ["", String(decoding: bytes, as: UTF8.self)]
        case .jsonWithFiles(let json, let files):
            lines +=
                ["", json.text] + files.map(show)
        case .multipart(let parts): lines += [""] + parts.map(show)
        case .file(let path, let type): lines += ["", "<- \(path), \(type.rawValue)"]
        }
        return lines.joined(separator: "\n")
    }

    /// Files are not there: what they are part of has a hash of its own making.
    private static func bodyHash(of call: HTTPCall) -> String {
        switch call.body {
        case .none: Hex.text(SHA256.hash(data: [UInt8]()))
        case .json(let json): Hex.text(SHA256.hash(data: json.serialized()))
        default: "(hash)"
        }
    }

    private func show(_ file: HTTPCall.InlineFile) -> String {
        "\(file.mark) <- \(file.path) as \(file.isBare ? "base64" : "data URL"), \(file.type.rawValue)"
    }

    private func show(_ part: HTTPCall.Part) -> String {
        switch part {
        case .text(let name, let value): "\(name) = \(value)"
        case .file(let name, let path, let filename, let type):
            "\(name) <- \(path) as \(filename), \(type.rawValue)"
        }
    }

    private func show(_ error: KinoraError) -> String {
        let wait = error.retryAfterSeconds.map { ", after \($0) s" } ?? ""
        let retry = "\(error.code.facts.retry.rawValue)\(wait)"
        return "\(error.code.facts.number) \(error.code.rawValue) (retry \(retry))\n  detail: \(error.detail)"
    }

    private func show(_ progress: VendorProgress) -> String {
        switch progress {
        case .pending(let percent, let isPostprocessing):
            "pending\(percent.map { " \($0) %" } ?? "")\(isPostprocessing ? ", postprocessing" : "")"
        case .told(let call): "told by\n\(show(call))"
        case .completed(let results): "completed\n\(results.map(show).joined(separator: "\n"))"
        case .failed(let error): "failed: \(show(error))"
        }
    }

    private func show(_ answer: VendorAnswer) -> String {
        switch answer {
        case .ticket(let ticket): ticket
        case .refused(let error): "refused: \(show(error))"
        case .made(let results): "made\n\(results.map(show).joined(separator: "\n"))"
        }
    }

    private func show(_ result: VendorResult) -> String {
        let revised = result.revisedPrompt.map { ", revised: \($0)" } ?? ""
        return switch result.source {
        case .media(let place): "media \(place)\(revised)"
        case .link(let link): "link \(link)\(revised)"
        case .call(let call): show(call) + revised
        case .told(let ticket): "told of \(ticket)"
        }
    }

    private func show(_ page: LookUpPage) -> String {
        let next = page.nextPage.map { "next: \($0.method.rawValue) \($0.url)" } ?? "no next page"
        let ids = page.candidates.isEmpty ? "none" : page.candidates.joined(separator: ", ")
        return "found: \(ids)\n\(next)\n\(page.isClear ? "clear" : "unclear")"
    }

    private func results(_ kind: Substring, _ vendor: any Vendor, _ sections: [String]) throws -> [String] {
        func result(_ body: () throws -> String) throws -> String {
            do { return try body() } catch let error as KinoraError { return show(error) }
        }
        switch kind {
        case "submit":
            return try sections.map { text in
                try result { show(try vendor.submit(try job(text), try account(text))) }
            }
        case "accepted":
            let job = try job("{}")
            return try sections.map { text in
                try result { show(try vendor.accepted(try reply(text), for: job)) }
            }
        case "progress":
            return try sections.map { text in
                try result { show(try vendor.progress(try reply(text), of: "video_1/2", account)) }
            }
        case "parts":
            return sections.map { ticket in
                let parts = vendor.parts(of: ticket).map {
                    "before: \($0.earlier.joined(separator: ", "))\ndone: "
                        + "\($0.done.joined(separator: ", "))\nnext: \($0.asking ?? "none")"
                }
                return "\(show(vendor.poll(ticket, account)))\n\(parts ?? "one")"
            }
        case "content":
            return try sections.map { text in vendor.contentError(try reply(text)).map(show) ?? "good" }
        case "removal":
            let call = vendor.removal(of: "video_1/2", account).map(show) ?? "none"
            return [call] + (try sections.map { vendor.removalError(try reply($0)).map(show) ?? "gone" })
        case "usage": return try sections.map { vendor.usage(in: try reply($0))?.text ?? "nothing" }
        case "cancel": return [vendor.cancel("video_1/2", account).map(show) ?? "none"]
        case "probe":
            let call = show(vendor.probe(account))
            return [call]
                + (try sections.map { text in
                    try result {
                        try vendor.probed(try reply(text))
                        return "well"
                    }
                })
        case "balance":
            let calls = vendor.balance(account, at: Self.now)
            return calls.map(show)
                + (try stride(from: 0, to: sections.count, by: calls.count).map { first in
                    try result {
                        let replies = try sections[first..<(first + calls.count)].map(reply)
                        return try vendor.credits(replies).map { "\($0) micro-units" } ?? "without limit"
                    }
                })
        case "found":
            let job = try job(sections[0])
            let call = vendor.lookUp(.video).map { show($0(job, account)) } ?? "none"
            return [call]
                + (try sections.dropFirst().map { text in
                    try result { show(try vendor.found(try reply(text), for: job, account)) }
                })
        default: throw UnknownKind(kind: String(kind))
        }
    }

    struct UnknownKind: Error { let kind: String }

    @Test(arguments: try Golden.cases(in: "vendors"))
    func anAdapterSpeaksItsVendorsLanguage(_ golden: GoldenCase) throws {
        let names = golden.name.split(separator: "/")
        let vendor = try Vendors.named(String(names[1]))
        let actual = try results(names[2], vendor, golden.sections).joined(separator: "\n\n")
        let mismatch = try golden.mismatch(with: actual)
        #expect(mismatch == nil, "\(mismatch.map(\.description) ?? "")")
    }

    @Test func everyVendorHasGoldensOfEveryKind() throws {
        let names = try Golden.cases(in: "vendors").map { $0.name.split(separator: "/").dropFirst() }
        for vendor in Vendors.all {
            let kinds = Set(
                names.filter { $0.first.map(String.init) == vendor.name }.map {
                    String($0.dropFirst().first!)
                })
            #expect(
                kinds.isSuperset(of: ["submit", "accepted", "progress", "content", "probe"]), "\(vendor.name)"
            )
            #expect(kinds.contains("cancel") == (vendor.cancel("x", account) != nil), "\(vendor.name)")
            let canRemove = vendor.removal(of: "x", account) != nil
            #expect(kinds.contains("removal") == canRemove, "\(vendor.name)")
            #expect(
                kinds.contains("balance") == !vendor.balance(account, at: Self.now).isEmpty, "\(vendor.name)")
            #expect(kinds.contains("found") == (vendor.lookUp(.video) != nil), "\(vendor.name)")
        }
    }

    /// Tests/LiveTests are run by hand, with real keys: a vendor that is missing there would not be missed.
    @Test func everyVendorIsAskedLive() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: folder.appending(path: "LiveTests/test_live.py"), encoding: .utf8)
        let names = text.matches(of: /Vendor\("([a-z-]+)"/).map { String($0.1) }
        #expect(names.sorted() == Vendors.all.map(\.name).sorted())
    }

    @Test func aPollAndALookUpMayBeRepeatedAndASubmitMayNot() throws {
        for vendor in Vendors.all {
            #expect(vendor.poll("t", account).isRepeatable)
            #expect(vendor.probe(account).isRepeatable)
            for call in vendor.balance(account, at: Self.now) { #expect(call.isRepeatable) }
            #expect(vendor.lookUp(.video)?(try job("{}"), account).isRepeatable ?? true)
            #expect(try !vendor.submit(try job("{}"), account).isRepeatable)
            #expect(try vendor.submit(try job("{}"), account).timeoutSeconds <= Limits.submitSecondsMax)
        }
    }

    @Test func aVendorThatNobodyKnowsIsSaidToBeSo() {
        let error = #expect(throws: KinoraError.self) { try Vendors.named("no-such") }
        #expect(error?.code == .configuration)
        #expect(Set(Vendors.all.map(\.name)).count == Vendors.all.count)
    }

    @Test(
        arguments: [
            ("https://a.example/v1", "https://a.example/v1/videos"),
            ("https://a.example/v1/", "https://a.example/v1/videos"),
            ("https://a.example/v1///", "https://a.example/v1/videos"),
        ])
    func aBaseURLMayEndInSlashes(_ base: String, _ url: String) {
        #expect(VendorAccount(row: 1, baseURL: base, credential: Secret("")).url("/videos") == url)
    }
}
