import Core
import Foundation
import TestSupport

/// A site whose llmage models the sandbox makes: videos its OpenArt, which takes pictures and sounds.
struct LlmageSite {
    let site: Site

    private static let routes = """
        INSERT INTO route (model_id, vendor, vendor_model)
        SELECT id, CASE kind WHEN 'video' THEN 'openart' ELSE 'openai' END,
            CASE kind WHEN 'video' THEN 'openart-video' WHEN 'image' THEN 'gpt-image-2' ELSE 'gpt-4' END
        FROM model WHERE family = 'llmage'
        """

    fileprivate init(_ site: Site) throws {
        self.site = site
        try site.database.rows(Self.routes)
        let account = ["account", "add", "--vendor", "openart", "--name", "sandbox", "--slots", "6"]
        let place = ["--base-url", "https://localhost:\(site.port + 1)/openart"]
        try kinora(account + place, input: "oak_sandbox_site")
        try site.startSandbox(taskSeconds: 0.2)
    }

    func kinora(_ arguments: [String], input: String = "") throws {
        let finished = try site.kinora(arguments, input: Array(input.utf8))
        guard finished.status == 0 else { throw Failed("kinora \(arguments): \(finished.errors)") }
    }

    /// A new key: its user and whatever else `kinora key create` is told.
    func key(_ options: String...) throws -> String {
        let created = try site.kinora(["key", "create", "--json"] + options)
        guard let key = created.json["key"]?.stringValue else { throw Failed(created.errors) }
        try waitUntil("the key is known") { try send(.get("/llmage/v1/models").key(key)).status == 200 }
        return key
    }

    func send(_ call: Call) throws -> Reply {
        let hasKey = call.headers.contains { ["Authorization", "X-API-Key"].contains($0.name) }
        return try site.curl.send(hasKey ? call : call.key(site.key))
    }

    static func video(_ fields: JSONObject, model: String = "viduq3-pro") -> Call {
        var body: JSONObject = [
            "model": .string(model), "catelogid": "t2v", "prompt": "a quiet harbour", "duration": 4,
        ]
        for (name, value) in fields.members { body[name] = value.isNull ? nil : value }
        return .post("/llmage/v1/video/generations", json: .object(body))
    }

    static func form(_ fields: [(String, String)], _ files: [FormFile]) -> Call {
        .post("/llmage/v1/video/generations", form: fields, files: files)
    }

    func submit(_ call: Call) throws -> String {
        let reply = try send(call)
        guard reply.status == 200, reply.json["status"] == "CREATED",
            let id = reply.json["taskid"]?.stringValue
        else { throw Failed("\(reply.status) \(reply.text)") }
        return id
    }

    /// The task's last word.
    func end(of id: String) throws -> JSON {
        var json: JSON = .null
        try waitUntil("\(id) ends") {
            json = try send(.get("/llmage/v1/tasks?taskid=\(id)&wait=20")).json
            return ["SUCCEEDED", "FAILED"].contains(json["status"]?.stringValue)
        }
        return json
    }

    /// What is behind a link, fetched as a browser does.
    func bytes(_ link: JSON?) throws -> [UInt8] {
        guard let link = link?.stringValue, link.hasPrefix(site.curl.base) else {
            throw Failed("no link: \(link ?? .null)")
        }
        return try site.curl.send(.get(String(link.dropFirst(site.curl.base.count)))).body
    }
}

func withLlmage(_ body: (LlmageSite) throws -> Void) throws {
    try withSite { site in
        let llmage = try LlmageSite(site)
        _ = try site.start("all")
        try body(llmage)
    }
}
