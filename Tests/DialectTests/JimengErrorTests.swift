import Core
import Dialects
import Testing

/// The errors of Jimeng's gateway, which has four endpoints and one table.
@Suite struct JimengErrorTests {
    private let router = Router(Dialects.all, fallback: Dialects.all[0])

    private func answer(
        _ target: String, _ error: KinoraError, at host: String? = nil, options: KeyOptions = KeyOptions()
    ) throws -> (status: Int, error: JSON?) {
        let path = try RequestPath(target: target)
        let (dialect, match) = try router.route(.post, path, at: host)
        let response = dialect.encode(error, for: Exchange(match: match, path: path, options: options))
        return (response.status, try JSONParser.parse(response.body)["error"])
    }

    private static let endpoints = [
        "/v1/chat/completions", "/v1/images/generations", "/v1/videos/generations", "/v1/videos",
        "/v1/embeddings",
    ]

    @Test(arguments: endpoints) func aMissingPromptIsSaidAlikeEverywhere(_ endpoint: String) throws {
        let missing = KinoraError(.missingParameter, "prompt is required", field: "prompt")
        for reply in [
            try answer("/jimeng" + endpoint, missing), try answer(endpoint, missing, at: "jimeng"),
            try answer(endpoint, missing, options: KeyOptions(dialect: .jimeng)),
        ] {
            #expect(reply.status == 400 && reply.error?["code"] == "missing_parameter")
            #expect(reply.error?["message"] == "Missing required parameter: prompt")
        }
        let relayed = try answer("/api/relay/v1/chat/completions", missing, at: "jimeng")
        #expect(relayed.error?["code"] == "missing_parameter")
    }

    @Test(arguments: endpoints) func noKeyIsAWrongKey(_ endpoint: String) throws {
        let below = try answer("/jimeng" + endpoint, KinoraError(.missingKey))
        #expect(below.status == 401 && below.error?["code"] == "invalid_api_key")
        let elsewhere = try answer("/sora" + endpoint, KinoraError(.missingKey))
        #expect(elsewhere.status == 401 && elsewhere.error?["code"] == "missing_api_key")
    }

    @Test func othersKeepTheirWords() throws {
        let missing = KinoraError(.missingParameter, "prompt is required", field: "prompt")
        #expect(try answer("/v1/chat/completions", missing).error?["code"] == "invalid_request")
    }
}
