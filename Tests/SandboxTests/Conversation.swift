import Core
import Crypto
import Synchronization
import TestSupport
import Testing
import Upstream

@testable import Sandbox

/// Where a vendor is in the sandbox, and what is asked of it.
struct Party {
    /// Nil: the row has the vendor's name. One that speaks several versions has a row for each.
    var vendor: String?
    let path: String
    let key: String
    let model: String
    var parameters: Parameters = ["seconds": 5]
    /// What the vendor has no words of its own for.
    var exceptions: [Fault: ErrorCode] = [:]
    /// Whether its results can be had for a while only.
    var linksEnd = true
    /// Whether it makes tasks, and not the media at once.
    var hasTasks = true

    static let all: [String: Party] = [
        "openai": Party(
            path: "/openai/v1", key: "sk-sandbox-one1", model: "sora-2",
            parameters: ["seconds": 4, "size": "720x1280"],
            // It has one code for both.
            exceptions: [.concurrency: .upstreamRate]),
        "openart": Party(
            path: "/openart", key: "oak_sandbox_one1", model: "openart",
            // Its document knows a full line, and a pool without accounts.
            exceptions: [
                .rateLimit: .upstreamConcurrency, .insufficientQuota: .upstreamServer,
                .modelClosed: .upstreamRequest,
            ],
            linksEnd: false),
        "ark": Party(
            path: "/ark/api/v3", key: "ark-sandbox-one1", model: "doubao-seedance-1-5-pro-251215",
            // It is overloaded with a 429.
            exceptions: [.unavailable: .upstreamRate]),
        "byteplus": Party(
            path: "/byteplus/api/v3", key: "byteplus-sandbox-one1", model: "dreamina-seedance-2-0-260128",
            exceptions: [.unavailable: .upstreamRate]),
        "dashscope": Party(
            path: "/dashscope/api/v1", key: "sk-sandbox-one1", model: "happyhorse-1.0-t2v",
            // What is too much for it waits, and is throttled.
            exceptions: [.concurrency: .upstreamRate]),
        "vidu": Party(
            path: "/vidu/ent/v2", key: "vda_sandbox_one1", model: "viduq3-pro",
            exceptions: [.modelClosed: .upstreamRequest]),
        "zhipu": Party(
            path: "/zhipu/api/paas/v4", key: "sandbox-one.secret1", model: "cogvideox-3",
            parameters: ["seconds": 5, "size": "1280x720"],
            // It is overloaded with a 429.
            exceptions: [.unavailable: .upstreamRate]),
        "kling": Party(path: "/kling", key: "api-key-kling-sandbox-one1", model: "kling-v2-6"),
        "kling 2.0": Party(
            vendor: "kling", path: "/kling", key: "api-key-kling-sandbox-one1", model: "kling-3.0-turbo",
            parameters: ["seconds": 5, "resolution": "720p", "ratio": "16:9"]),
        "jimeng": Party(
            path: "/jimeng", key: "AKSANDBOXone1:SKSANDBOXone1", model: "jimeng_t2v_v30",
            // Who has not paid has not the right.
            exceptions: [.insufficientQuota: .upstreamCredential, .modelClosed: .upstreamRequest]),
        "minimax": Party(
            path: "/minimax", key: "sk-api-sandbox-one1", model: "MiniMax-Hailuo-2.3",
            parameters: ["seconds": 6],
            // It has one code for both.
            exceptions: [.concurrency: .upstreamRate]),
        "minimax v2": Party(
            vendor: "minimax", path: "/minimax", key: "sk-api-sandbox-one1", model: "MiniMax-H3",
            parameters: ["seconds": 5, "resolution": "768P", "ratio": "16:9"],
            exceptions: [.concurrency: .upstreamRate]),
        "runway": Party(
            path: "/runway", key: "key_sandbox_one1", model: "gen4.5",
            parameters: ["seconds": 5, "size": "1280x720"],
            // What is too much waits there, and a prompt is judged as a task.
            exceptions: [
                .concurrency: .upstreamRate, .contentRefusal: .upstreamRequest,
                .modelClosed: .upstreamRequest,
            ]),
        "luma": Party(
            path: "/luma/dream-machine/v1", key: "luma-sandbox-one1", model: "ray-2",
            exceptions: [.concurrency: .upstreamRate, .modelClosed: .upstreamRequest]),
        "luma-agents": Party(
            path: "/luma-agents/v1", key: "luma-api-sandbox-one1", model: "ray-3.2",
            // It denies everything or nothing, and judges a prompt when it makes the film.
            exceptions: [.modelClosed: .upstreamCredential, .contentRefusal: .upstreamRequest]),
        "fal": Party(
            path: "/fal", key: "sandbox-one:secret1",
            model: "fal-ai/kling-video/v2.5-turbo/pro/text-to-video",
            exceptions: [.concurrency: .upstreamRate]),
        "replicate": Party(
            path: "/replicate/v1", key: "r8_sandbox_one1", model: "kwaivgi/kling-v2.5-turbo-pro",
            // It judges no prompt before it makes it.
            exceptions: [.concurrency: .upstreamRate, .contentRefusal: .upstreamRequest]),
        "hub": Party(path: "/hub", key: "sk_sandbox_one1", model: "kling"),
        "llmage": Party(path: "/llmage", key: "llmage-sandbox-one1", model: "happyhorse-1.0-t2v"),
        "jimeng-api": Party(
            path: "/jimeng-api", key: "us-sandbox-one1", model: "jimeng-video-3.0",
            // It is as full with one task too many as with many.
            exceptions: [.concurrency: .upstreamRate, .modelClosed: .upstreamRequest], hasTasks: false),
        "sora-chat": Party(
            path: "/sora-chat/v1", key: "sandbox-one1", model: "sora-video-landscape-10s",
            parameters: ["seconds": 10, "size": "1280x720"],
            // It says no more than that none of its accounts can make it.
            exceptions: [.concurrency: .upstreamServer, .insufficientQuota: .upstreamServer],
            hasTasks: false),
    ]
}

/// An adapter that speaks to the sandbox, call by call.
final class Conversation: Sendable {
    let vendor: any Vendor
    let party: Party
    let account: VendorAccount
    let sandbox: LiveSandbox
    /// Changes every JSON answer on its way.
    private let edits = Mutex<@Sendable (JSON) -> JSON>({ $0 })
    private static let origin = "https://vendor.example"

    init(with name: String, key: String?, _ sandbox: LiveSandbox) throws {
        party = try #require(Party.all[name])
        vendor = try Vendors.named(party.vendor ?? name)
        account = VendorAccount(
            row: 1, baseURL: Self.origin + party.path, credential: Secret(key ?? party.key))
        self.sandbox = sandbox
    }

    func job(_ prompt: String = "a cat", model: String? = nil) -> VendorJob {
        VendorJob(
            model: model ?? party.model, category: .t2v, prompt: prompt, parameters: party.parameters,
            references: [],
            remixOf: nil, token: TaskID.random().description, startedAt: sandbox.clock.now,
            timeLeft: .seconds(3600))
    }

    func edit(_ change: @escaping @Sendable (JSON) -> JSON) { edits.withLock { $0 = change } }

    func arm(_ fault: Fault, at operation: String, _ more: JSONObject = [:]) throws {
        var armed: JSONObject = [
            "fault": .string(fault.rawValue), "operation": .string(operation), "vendor": .string(vendor.name),
        ]
        for (name, value) in more.members { armed[name] = value }
        #expect(try sandbox.arm(.object(armed)).status == 200)
    }

    /// What the transport does.
    func send(_ call: HTTPCall) throws -> HTTPReply {
        #expect(call.url.hasPrefix(Self.origin))
        var request = FastCGIRequest(
            call.method.rawValue, String(call.url.dropFirst(Self.origin.count)),
            headers: [("Host", "vendor.example")] + call.headers.map { ($0.name, $0.value.revealed()) })
        switch call.body {
        case .none: break
        case .json(let json):
            request.body = json.serialized()
            request.headers.append(("Content-Type", "application/json"))
        default: Issue.record("a body that this conversation does not know")
        }
        if let signing = call.signing {
            let hash = Hex.text(SHA256.hash(data: request.body))
            request.headers += signing(hash, sandbox.clock.now).map { ($0.name, $0.value.revealed()) }
        }
        var client = sandbox.client
        client.headers = []
        let reply = try client.send(request)
        let headers = reply.headers.map { ($0.name.lowercased(), $0.value) }
        return HTTPReply(
            status: reply.status, headers: Dictionary(headers) { $1 },
            body: reply.status == 200 ? edited(reply.body) : reply.body)
    }

    /// JSON as it is changed on its way, and events with such data.
    private func edited(_ body: [UInt8]) -> [UInt8] {
        let edit = edits.withLock { $0 }
        if let json = try? JSONParser.parse(body) { return edit(json).serialized() }
        var splitter = EventSplitter()
        guard let events = try? splitter.take(body), !events.isEmpty else { return body }
        return events.flatMap { event -> [UInt8] in
            guard let data = EventSplitter.data(of: event), let json = try? JSONParser.parse(data) else {
                return event
            }
            return Array("data: ".utf8) + edit(json).serialized() + Array("\n\n".utf8)
        } + splitter.takeRest()
    }

    /// Of a vendor that makes no tasks, the address of the film.
    func submitted(_ prompt: String = "a cat", model: String? = nil) throws -> String {
        try submitted(job(prompt, model: model))
    }

    func submitted(_ job: VendorJob) throws -> String {
        switch try vendor.accepted(try send(try vendor.submit(job, account)), for: job) {
        case .ticket(let ticket) where party.hasTasks: return ticket
        case .made(let results) where !party.hasTasks:
            guard case .link(let link)? = results.first?.source else {
                throw KinoraError(.internalFault, detail: "no link")
            }
            return link
        case .refused(let error): throw error
        default: throw KinoraError(.internalFault, detail: "a task instead of a film, or a film instead")
        }
    }

    func polled(_ ticket: String) throws -> VendorProgress {
        let progress = try vendor.progress(try send(vendor.poll(ticket, account)), of: ticket, account)
        guard case .told(let call) = progress else { return progress }
        return try vendor.progress(try send(call), of: ticket, account)
    }

    /// Where the finished film is. It ends within a minute of the sandbox's time.
    func film(of ticket: String) throws -> HTTPCall {
        sandbox.clock.advance(by: .seconds(60))
        var call: HTTPCall?
        let isThere = eventually { [self] in
            guard case .completed(let results) = try? polled(ticket), let result = results.first else {
                return false
            }
            switch result.source {
            case .link(let link): call = HTTPCall(.get, link)
            case .call(let own): call = own
            case .media, .told: return false
            }
            return true
        }
        #expect(isThere, "the film of \(ticket)")
        return try #require(call)
    }

    func probed() throws -> KinoraError? {
        let reply = try send(vendor.probe(account))
        do throws(KinoraError) { try vendor.probed(reply) } catch { return error }
        return nil
    }

    /// What the answers to a submit, to a poll and to a probe are refused with when they are this.
    func refusals(in reply: HTTPReply) -> [KinoraError] {
        var errors: [KinoraError] = []
        do throws(KinoraError) {
            if case .refused(let error) = try vendor.accepted(reply, for: job()) { errors.append(error) }
        } catch { errors.append(error) }
        do throws(KinoraError) { _ = try vendor.progress(reply, of: "t", account) } catch {
            errors.append(error)
        }
        do throws(KinoraError) { try vendor.probed(reply) } catch { errors.append(error) }
        return errors
    }
}

func withConversation(
    with name: String, key: String? = nil, _ body: (Conversation) throws -> Void
) throws {
    try withSandbox { sandbox in
        let talk = try Conversation(with: name, key: key, sandbox)
        // Whoever waits for a film waits for the sandbox's time, which stands still.
        if !talk.party.hasTasks { try sandbox.settings(["task_seconds": 0]) }
        try body(talk)
    }
}

extension JSON {
    /// With one more member in every object.
    var withMore: JSON {
        switch self {
        case .object(let object):
            var members = object.members.map { (name: $0.name, value: $0.value.withMore) }
            members.append(("x_unheard_of", ["a": [1, .null, "b"]]))
            return .object(JSONObject(members))
        case .array(let values): return .array(values.map(\.withMore))
        default: return self
        }
    }

    /// With nothing in the place of every address.
    var withoutAddresses: JSON {
        switch self {
        case .object(let object):
            return .object(
                JSONObject(object.members.map { (name: $0.name, value: $0.value.withoutAddresses) }))
        case .array(let values): return .array(values.map(\.withoutAddresses))
        case .string(let text) where text.contains("https://"): return ""
        default: return self
        }
    }
}
