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
