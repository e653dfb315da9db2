import Core
import TestSupport

/// Keys of the running instance, made once for all tests.
struct Keyring: Sendable {
    /// The instance's own.
    let owner: String
    /// Of another user.
    let stranger: String
    /// A created video is answered with 201.
    let created201: String
    /// Content is answered with a link.
    let redirecting: String
    /// May send so many submits a minute that no test comes near it.
    let limited: String
    /// May use no model that exists for video.
    let onlyPro: String
    let revoked: String

    static let shared = Result { try make() }

    private static func make() throws -> Keyring {
        let instance = try Instance.running()
        let binary = try Surroundings.binary
        func create(_ arguments: String...) throws -> String {
            let finished = try run(
                binary, ["key", "create", "--json", "--name", "gateway tests"] + arguments,
                environment: instance.environment)
            guard finished.status == 0, let key = finished.json["key"]?.stringValue else {
                throw Failed("kinora key create: \(finished.errors)")
            }
            return key
        }
        let keys = Keyring(
            owner: instance.key, stranger: try create("--user", "stranger"),
            created201: try create("--created-status", "201"),
            redirecting: try create("--content", "redirect"),
            limited: try create("--requests-per-minute", "10000"),
            onlyPro: try create("--models", "sora-2-pro"), revoked: try create())
        let revocation = try run(binary, ["key", "revoke", keys.revoked], environment: instance.environment)
        guard revocation.status == 0 else { throw Failed(revocation.errors) }
        // The instance hears of them by a notification; the last change is the last to arrive.
        let client = FastCGIClient(socketPath: instance.fastSocket)
        try waitUntil("the instance knows the new keys") {
            let isKnown = try client.send(Call.get("/v1/models").key(keys.onlyPro).fastCGI).status == 200
            return try isKnown && client.send(Call.get("/v1/models").key(keys.revoked).fastCGI).status == 401
        }
        try instance.sandbox.hurry(taskSeconds: 0.2)
        return keys
    }
}
