/// A row of the llmage document's tables: models of one category that take the same fields.
struct LlmageRule {
    let category: String
    let models: [String]
    let fields: [String]
    var seconds: [Int] = []
    var resolutions: [String] = []
    /// Names of files that are taken, and those of them that must be there.
    var files: [String] = []
    var needed: [String] = []

    static let ratios = ["16:9", "4:3", "1:1", "3:4", "9:16"]
    static let sizes = [
        "832*480", "480*832", "624*624", "1280*720", "720*1280", "960*960", "1920*1080", "1080*1920",
        "1440*1440",
    ]

    private static let dreams = [
        "doubao-seedance-2-0-260128", "doubao-seedance-2-0-fast-260128", "dreamina-seedance-2-0-260128",
    ]
    private static let levels = ["480p", "720p", "1080p"]
    private static let shaped = ["resolution", "ratio", "duration"]
    private static let numbered = ["image_file1", "image_file2"]

    static let all = [
        LlmageRule(
            category: "t2i",
            models: ["wan2.2-t2i-plus", "wan2.5-t2i-preview", "wan2.2-t2i-flash", "cogview-3-flash"],
            fields: ["negative_prompt"]),
        LlmageRule(
            category: "t2v", models: ["happyhorse-1.0-t2v"], fields: shaped, seconds: Array(3...15),
            resolutions: ["720P", "1080P"]),
        LlmageRule(
            category: "t2v", models: dreams, fields: shaped, seconds: Array(4...15), resolutions: levels),
        LlmageRule(
            category: "t2v", models: ["wan2.6-t2v"], fields: ["negative_prompt", "size", "duration"],
            seconds: [5, 10, 15]),
        LlmageRule(
            category: "t2v", models: ["viduq3-pro"], fields: shaped + ["off_peak"], seconds: Array(1...16),
            resolutions: ["540p", "720p", "1080p"]),
        LlmageRule(
            category: "t2v", models: ["doubao-seedance-1-5-pro-251215"], fields: shaped,
            seconds: Array(4...15), resolutions: levels),
        LlmageRule(
            category: "i2v", models: ["happyhorse-1.0-i2v"], fields: ["resolution", "duration"],
            seconds: Array(3...15), resolutions: ["720P", "1080P"], files: ["image_file"],
            needed: ["image_file"]),
        LlmageRule(
            category: "i2v", models: dreams, fields: shaped, seconds: Array(4...15), resolutions: levels,
            files: ["image1_file", "image2_file"], needed: ["image1_file"]),
        LlmageRule(
            category: "i2v", models: ["wan2.6-r2v"], fields: ["negative_prompt", "size", "duration"],
            seconds: [5, 10, 15], files: numbered, needed: numbered),
        LlmageRule(
            category: "i2v", models: ["viduq3-pro"], fields: shaped + ["off_peak"], seconds: Array(1...16),
            resolutions: ["540p", "720p", "1080p"], files: numbered, needed: numbered),
        LlmageRule(
            category: "i2v", models: ["doubao-seedance-1-5-pro-251215"], fields: shaped,
            seconds: Array(4...15), resolutions: levels, files: numbered),
        LlmageRule(
            category: "ref2v", models: ["happyhorse-1.0-r2v"], fields: shaped, seconds: Array(3...15),
            resolutions: ["720P", "1080P"], files: ["image_files"], needed: ["image_files"]),
        LlmageRule(
            category: "ref2v", models: dreams, fields: shaped, seconds: Array(4...15), resolutions: levels,
            files: ["image_files", "video_files", "audio_files"], needed: ["image_files"]),
    ]
}
