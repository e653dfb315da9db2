import Core
import Foundation
import TestSupport
import Testing

/// The examples of the llmage API's document, as they stand there: only host and key are put in.
extension GatewayTests {
    @Suite(.freshDatabase) struct LlmageExamples {
        private static let scripts = [
            "picture": ["t2i", "wan2.2-t2i-plus"], "happyhorse-t2v": ["t2v", "happyhorse-1.0-t2v"],
            "seedance-1.5": ["t2v", "doubao-seedance-1-5-pro-251215"],
            "happyhorse-i2v": ["i2v", "happyhorse-1.0-i2v"],
            "seedance-i2v": ["i2v", "doubao-seedance-2-0-260128"],
            "seedance-ref2v": ["ref2v", "doubao-seedance-2-0-260128"],
            "happyhorse-ref2v": ["ref2v", "happyhorse-1.0-r2v"],
        ]
        private func shell(_ text: String, _ environment: [String: String]) throws -> Finished {
            try run("/bin/bash", ["-c", text], environment: environment)
        }

        private func answer(to script: String, _ site: Site, in folder: Folder) throws -> JSON {
            let text = script.replacing("https://opencomputing.ai", with: site.curl.base)
                .replacing("<your-apikey>", with: site.key)
            let environment = [
                "PATH": "/usr/bin:/bin", "HOME": folder.path, "CURL_CA_BUNDLE": site.curl.authority,
                "no_proxy": "*",
            ]
            let finished = try shell("cd \(folder.path)\n\(text)", environment)
            #expect(finished.status == 0, "\(finished.errors)")
            return finished.json
        }

        @Test func everyExampleWorks() throws {
            try withLlmage { llmage in
                let folder = try Folder()
                for name in ["02", "myimg1", "myimg2", "1", "2"] {
                    let size = name == "1" ? "48x48" : "64x64"
                    try Data(try picture(size)).write(to: URL(filePath: "\(folder.path)/\(name).jpg"))
                }
                let examples = try Golden.cases(in: "llmage/curl")
                #expect(examples.count == Self.scripts.count)
                for example in examples {
                    let name = example.name.dropFirst("llmage/curl/".count).dropLast(".txt".count)
                    let facts = try #require(Self.scripts[String(name)])
                    let script = example.input
                    let created = try answer(to: script, llmage.site, in: folder)
                    #expect(created["status"] == "CREATED", "\(name): \(created)")
                    let id = try #require(created["taskid"]?.stringValue)
                    _ = try llmage.end(of: id)
                    let task = try answer(
                        to: """
                            curl -X GET "https://opencomputing.ai/llmage/v1/tasks?taskid=\(id)" \\
                            -H "Authorization: Bearer <your-apikey>"
                            """, llmage.site, in: folder)
                    #expect(task["status"] == "SUCCEEDED", "\(name): \(task)")
                    #expect(task["usage"]?["action"]?.stringValue == facts[0])
                    #expect(task["usage"]?["model"]?.stringValue == facts[1])
                    let link = task[name == "picture" ? "image" : "video"]
                    #expect(try llmage.bytes(link).count > 100)
                }
            }
        }
    }
}
