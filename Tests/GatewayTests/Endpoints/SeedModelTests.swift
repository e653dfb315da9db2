import Core
import Foundation
import TestSupport
import Testing

/// Every model of the APIs' documents, asked for in its own API, comes out of its own vendor.
extension GatewayTests {
    @Suite struct SeedModels {
        /// A model in one of its categories, and the pictures that it wants there.
        struct Row: Sendable, CustomStringConvertible {
            let family: String
            let model: String
            let category: String
            var pictures = 0
            var description: String { "\(model) \(category)" }
        }

        private static func make(
            _ family: String, _ category: String, pictures: Int = 0, of models: [String]
        ) -> [Row] {
            models.map { Row(family: family, model: $0, category: category, pictures: pictures) }
        }

        private static let soraPictures = [
            "gpt-image-2", "sora-image", "sora-image-landscape", "sora-image-portrait",
        ]
        private static let soraVideos = [
            "sora-2", "sora-2-pro", "sora-video-landscape-10s", "sora-video-landscape-15s",
            "sora-video-landscape-25s", "sora-video-portrait-10s", "sora-video-portrait-15s",
            "sora-video-portrait-25s",
        ]
        private static let jimengPictures = [
            "jimeng-3.0", "jimeng-3.0-pro", "jimeng-3.0-t2i-s", "jimeng-3.0-t2i-p", "jimeng-4.5",
            "doubao-seedream-4-0-250828", "doubao-seedream-4-5-251128",
        ]
        private static let seedances = ["doubao-seedance-2-0-260128", "dreamina-seedance-2-0-260128"]

        static let rows: [Row] = [
            make("sora", "t2i", of: soraPictures), make("sora", "i2i", pictures: 1, of: soraPictures),
            make("sora", "t2v", of: soraVideos), make("sora", "i2v", pictures: 1, of: soraVideos),
            make(
                "llmage", "t2i",
                of: ["cogview-3-flash", "wan2.2-t2i-flash", "wan2.2-t2i-plus", "wan2.5-t2i-preview"]),
            make("llmage", "t2v", of: seedances),
            make(
                "llmage", "t2v",
                of: [
                    "doubao-seedance-1-5-pro-251215", "doubao-seedance-2-0-fast-260128", "happyhorse-1.0-t2v",
                    "viduq3-pro", "wan2.6-t2v",
                ]),
            make("llmage", "i2v", pictures: 2, of: seedances),
            make("llmage", "i2v", pictures: 2, of: ["viduq3-pro", "wan2.6-r2v"]),
            make(
                "llmage", "i2v", pictures: 1, of: ["doubao-seedance-1-5-pro-251215", "happyhorse-1.0-i2v"]),
            make("llmage", "ref2v", pictures: 1, of: seedances),
            make("llmage", "ref2v", pictures: 1, of: ["happyhorse-1.0-r2v"]),
            make("jimeng", "t2i", of: jimengPictures), make("jimeng", "i2i", pictures: 1, of: jimengPictures),
            make("jimeng", "t2v", of: ["pixeldance"]), make("jimeng", "i2v", pictures: 1, of: ["seaweed"]),
            make("openart", "t2v", of: ["openart-video"]),
            make("openart", "ref2v", pictures: 1, of: ["openart-video"]),
        ].flatMap(\.self)

        private func database() throws -> Database {
            Database(connection: try Instance.running().databaseURL)
        }

        /// Remixes and text models are left: those begin with another task, and these make no media.
        @Test func noneIsForgotten() throws {
            let known = try database().rows(
                """
                SELECT m.family, m.id, c.category FROM model m JOIN model_category c ON c.model_id = m.id
                WHERE m.family IN ('sora', 'llmage', 'openart', 'jimeng') AND m.kind IN ('image', 'video')
                    AND c.category <> 'v2v'
                """
            ).map { $0.compactMap(\.self) }
            #expect(Set(known) == Set(Self.rows.map { [$0.family, $0.model, $0.category] }))
        }

        /// Several at once: each waits most of its time.
        @Test func eachComesOutOfItsVendor() throws {
            let faults = Box<[String]>([])
            let threads = 8
            try concurrently(threads, within: .seconds(300)) { thread in
                try withGateway(through: .nginx) { gateway in
                    for (number, row) in Self.rows.enumerated() where number % threads == thread {
                        let fault = try fault(of: row, through: gateway)
                        if let fault { faults.change { $0.append("\(row): \(fault)") } }
                    }
                }
            }
            #expect(faults.value == [])
        }

        /// What is wrong with the media of a row, or with where they came from.
        private func fault(of row: Row, through gateway: Gateway) throws -> String? {
            let reply = try gateway.send(try call(row))
            let ids = ["id", "task_id", "taskid"].compactMap { reply.json[$0]?.stringValue }
            guard [200, 202].contains(reply.status), let id = ids.first else { return reply.text }
            let result = try gateway.send(.get("/v1/tasks/\(id)/result?wait=120"))
            guard result.status == 200,
                let link = result.json["data"]?.arrayValue?.first?["url"]?.stringValue
            else { return result.text }
            let url = try Instance.running().url
            let media = try gateway.sendAnonymously(.get(String(link.dropFirst(url.count))))
            let wanted: MediaType.Family = row.category.hasSuffix("i") ? .image : .video
            guard MediaType(sniffing: media.body)?.family == wanted else { return "no \(wanted)" }
            let number = id.replacing(row.model, with: "").replacing("task_", with: "")
            let short = number.replacing("-", with: "").prefix(12)
            let vendors = try database().rows(
                """
                SELECT a.vendor, r.vendor FROM task t JOIN task_input i ON i.task_id = t.id
                JOIN attempt p ON p.task_id = t.id
                JOIN account a ON a.id = p.account_id JOIN route r ON r.id = p.route_id
                WHERE replace(i.uid::text, '-', '') LIKE '\(short)%' AND t.model_id = '\(row.model)'
                    AND t.category = '\(row.category)' AND t.state = 'succeeded'
                """)
            return vendors.count == 1 && vendors[0][0] == vendors[0][1] ? nil : "attempts: \(vendors)"
        }

        private func call(_ row: Row) throws -> Call {
            let shape = row.model.contains("portrait") ? "720x1280" : "1280x720"
            let bytes = row.pictures > 0 ? try picture(shape) : []
            func files(_ names: String...) -> [FormFile] {
                zip(names, 0..<row.pictures).map { name, _ in FormFile(field: name, bytes: bytes) }
            }
            let (model, prompt) = (("model", row.model), ("prompt", "雨中的纸船"))
            switch (row.family, row.category) {
            case ("sora", "t2i"):
                return Call.post(
                    "/v1/images/generations", json: ["model": .string(row.model), "prompt": "雨中的纸船"]
                ).with("Prefer", "respond-async")
            case ("sora", "i2i"):
                return Call.post("/v1/images/edits", form: [model, prompt], files: files("image"))
                    .with("Prefer", "respond-async")
            case ("sora", _):
                return .post("/v1/videos", form: [model, prompt], files: files("input_reference"))
            case ("jimeng", "t2i"):
                return Call.post(
                    "/jimeng/v1/images/generations", json: ["model": .string(row.model), "prompt": "雨中的纸船"]
                ).with("Prefer", "respond-async")
            case ("jimeng", "i2i"):
                return Call.post("/jimeng/v1/images/edits", form: [model, prompt], files: files("image"))
                    .with("Prefer", "respond-async")
            case ("jimeng", _):
                return Call.post(
                    "/jimeng/v1/videos/generations", form: [model, prompt], files: files("image_file_1")
                ).with("Prefer", "respond-async")
            case ("openart", "t2v"): return .post("/api/generate", json: ["prompt": "雨中的纸船"])
            case ("openart", _):
                return .post(
                    "/api/generate-with-file", form: [("prompt", "@image1 雨")], files: files("image_files"))
            case (_, "t2i"):
                return .post(
                    "/llmage/v1/image/generations",
                    json: ["model": .string(row.model), "catelogid": "t2i", "prompt": "雨中的纸船"])
            case (_, "t2v"):
                return .post(
                    "/llmage/v1/video/generations",
                    json: ["model": .string(row.model), "catelogid": "t2v", "prompt": "雨中的纸船"])
            default:
                let frames = files("image_file1", "image_file2")
                return .post(
                    "/llmage/v1/video/generations", form: [model, ("catelogid", row.category), prompt],
                    files: row.category == "ref2v" ? files("image_files") : frames)
            }
        }
    }
}
