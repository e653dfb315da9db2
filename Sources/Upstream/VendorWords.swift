/// What the words of services tell that have no codes.
enum VendorWords {
    /// Whether they refuse what was asked for, and not the asking.
    static func tellRefusal(_ words: String) -> Bool {
        contains(words, ["policy", "moderation", "sensitive", "审核", "违规", "敏感"])
    }

    /// Whether they say that there is no money left.
    static func tellPoverty(_ words: String) -> Bool {
        contains(words, ["quota", "balance", "credit", "额度", "配额", "余额", "积分"])
    }

    private static func contains(_ words: String, _ signs: [String]) -> Bool {
        let text = words.lowercased()
        return signs.contains(where: text.contains)
    }
}
