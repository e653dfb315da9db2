import Core
import TestSupport
import Testing

extension GatewayTests {
    @Suite(.freshDatabase) struct RouteCommands {
        @Test func routesAreListedAndChanged() throws {
            try withSite { site in
                func first() throws -> JSON? {
                    try site.kinora(["route", "list", "sora-2", "--json"]).json.arrayValue?.first
                }
                let route = try #require(try first())
                #expect(route["vendor"] == "openai" && route["position"] == 1 && route["cost"] == .null)
                let id = try #require(route["id"]?.text)
                func change(_ arguments: String...) throws -> Finished {
                    try site.kinora(["route", "change", id] + arguments)
                }
                #expect(try change("--cost", "0.625", "--weight", "3").text == "changed route \(id)\n")
                #expect(try change("--position", "2", "--disable-use").status == 0)
                let changed = try #require(try first())
                #expect(changed["cost"] == "0.625" && changed["weight"] == 3)
                #expect(changed["position"] == 2 && changed["enabled"] == false)
                #expect(try change("--cost", "0", "--enable-use").status == 0)
                #expect(try first()?["cost"] == .null)
                #expect(try first()?["enabled"] == true)
                #expect(try site.kinora(["route", "list", "none"]).text == "(none)\n")
                let all = try site.kinora(["route", "list", "--json"]).json.arrayValue
                #expect(try all?.count == site.database.rows("SELECT id FROM route").count)
            }
        }

        @Test func anOperatorSaysWhoMakesAModel() throws {
            try withSite { site in
                try site.database.rows("DELETE FROM route WHERE model_id = 'qwen3-max'")
                func routes() throws -> [JSON] {
                    try site.kinora(["route", "list", "qwen3-max", "--json"]).json.arrayValue ?? []
                }
                #expect(try routes().isEmpty)
                let added = try site.kinora(
                    ["route", "add", "qwen3-max", "openai", "video-1", "--position", "2", "--cost", "0.5"])
                #expect(added.status == 0, "\(added.errors)")
                let route = try #require(try routes().first)
                #expect(added.text == "added route \(route["id"]?.text ?? "")\n")
                #expect(route["vendor"] == "openai" && route["vendor_model"] == "video-1")
                #expect(route["position"] == 2 && route["weight"] == 1 && route["cost"] == "0.5")
                #expect(route["enabled"] == true)
                let again = ["route", "add", "qwen3-max", "openai", "video-1"]
                expectFailure(
                    try site.kinora(again), "Model 'qwen3-max' has that route. See `kinora route list`.")
                #expect(try site.kinora(["route", "add", "qwen3-max", "openai"]).status == 0)
                #expect(try routes().map { $0["vendor_model"] } == ["qwen3-max", "video-1"])
                let id = route["id"]?.text ?? ""
                #expect(try site.kinora(["route", "remove", id]).text == "removed route \(id)\n")
                expectFailure(
                    try site.kinora(["route", "remove", id]),
                    "There is no route \(id). See `kinora route list`.")
                #expect(try routes().count == 1)
            }
        }

        @Test func aRouteToNobodyIsRefused() throws {
            try withSite { site in
                expectFailure(
                    try site.kinora(["route", "add", "no-such", "openai"]),
                    "Unknown model 'no-such'. See `kinora model list`.")
                let nobody = try site.kinora(["route", "add", "qwen3-max", "nobody"])
                #expect(nobody.status == 1 && nobody.errors.hasPrefix("kinora: Unknown vendor 'nobody'."))
                expectWrongUsage(
                    try site.kinora(["route", "add", "qwen3-max", "openai", ""]),
                    "The vendor's name of the model must have 1 to 200 characters.")
                let routes = try site.kinora(["route", "list", "qwen3-max", "--json"]).json.arrayValue
                #expect(routes?.map { $0["vendor"] } == ["dashscope"])
            }
        }

        @Test func aChangeThatMakesNoSenseIsRefused() throws {
            try withSite { site in
                expectFailure(
                    try site.kinora(["route", "change", "4711", "--weight", "2"]),
                    "There is no route 4711. See `kinora route list`.")
                for (arguments, words) in [
                    (["1"], "Name what is to change."),
                    (["1", "--weight", "0"], "--weight must be from 1 to 32767."),
                    (["1", "--position", "32768"], "--position must be from 1 to 32767."),
                ] {
                    expectWrongUsage(try site.kinora(["route", "change"] + arguments), words)
                }
                #expect(try site.kinora(["route", "change", "1", "--cost", "-1"]).status == 64)
            }
        }
    }
}
