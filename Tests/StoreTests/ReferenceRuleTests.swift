import Core
import Store
import TestSupport
import Testing

/// What of references the models' rules take, as they come out of the database.
@Suite(.freshDatabase) struct ReferenceRuleTests {
    private static let photos: [MediaType] = [.png, .jpeg], pictures: [MediaType] = [.png, .jpeg, .webp]
    private static let jimeng = 4_928_307, most = Limits.referenceBytesMax

    private static func rows(
        _ models: [String], _ category: Core.Category, _ types: [MediaType], _ bytesMax: Int
    ) -> [Row] {
        models.map { Row(model: $0, category: category, types: types, bytesMax: bytesMax) }
    }

    struct Row: Sendable {
        let model: String
        let category: Core.Category
        let types: [MediaType]
        let bytesMax: Int
    }

    private static let rows: [Row] = [
        rows(
            ["kling-v2-6", "kling-v3", "kling-3.0-turbo", "kling-video-o1", "kling-v3-omni"], .i2v, photos,
            10 << 20),
        rows(["kling-2.5-turbo-i2v"], .i2v, photos, 10 << 20),
        rows(["kling-3.0-omni", "kling-video-o1", "kling-v3-omni"], .ref2v, photos, 10 << 20),
        rows(["kling-v3-image", "kling-image-o1", "kling-v3-omni-image"], .i2i, photos, 10 << 20),
        rows(["cogvideox-3"], .i2v, photos, 5 << 20),
        rows(
            ["jimeng-3.0", "jimeng-3.0-pro", "jimeng-3.0-t2i-s", "jimeng-3.0-t2i-p", "jimeng-4.5"], .i2i,
            photos, jimeng),
        rows(["seaweed"], .i2v, photos, jimeng),
        rows(["happyhorse-1.0-i2v"], .i2v, pictures, 10 << 20),
        rows(["happyhorse-1.0-r2v"], .ref2v, pictures, 10 << 20),
        rows(["wan2.6-r2v"], .i2v, pictures, 20 << 20),
        rows(["viduq3-pro"], .i2v, pictures, (10 << 20) - 1),
        rows(["doubao-seedance-2-0-260128", "dreamina-seedance-2-0-260128"], .ref2v, pictures, most),
        rows(["doubao-seedream-4-0-250828"], .i2i, pictures, most),
    ].flatMap(\.self)

    @Test func aPictureIsHeldToWhatTheVendorTakes() throws {
        let models = try Dictionary(TestDatabase.current.store().models().map { ($0.id, $0) }) { $1 }
        for row in Self.rows {
            let rules = try #require(models[row.model]?.references[row.category], "\(row)")
            let rule = try #require(rules.first { $0.family == .image }, "\(row)")
            #expect(rule.types == row.types && rule.bytesMax == row.bytesMax, "\(row): \(rule)")
        }
        for id in ["doubao-seedance-2-0-260128", "dreamina-seedance-2-0-260128"] {
            let rules = models[id]?.references[.ref2v] ?? []
            #expect(rules.map(\.family) == [.image, .video, .audio])
            #expect(rules.map(\.types) == [Self.pictures, [.mp4, .quicktime], [.wav, .mp3]])
            #expect(rules.last?.bytesMax == 15 << 20)
        }
    }
}
