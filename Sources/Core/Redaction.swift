extension String {
    /// The text without what looks like a secret, for logs: keys and signing secrets by their first letters,
    /// what stands behind `Bearer` or `Basic`, names, passwords and queries of URLs, tokens of callbacks. A
    /// last net: who knows a secret blots it out by its value (`KinoraError.replacing`).
    public var redacted: String {
        // Several texts of every request are looked at, and hardly any has something to hide.
        guard utf8.withContiguousStorageIfAvailable(Redaction.mayHide) ?? true else { return self }
        var out: [UInt8] = []
        var isCredential = false
        for piece in Redaction.pieces(of: Array(utf8)) {
            let isWord = !Redaction.isSeparator(piece[piece.startIndex])
            guard isWord else {
                out += piece
                continue
            }
            out += isCredential ? Redaction.mask : Redaction.redacted(piece)
            isCredential = Redaction.isScheme(piece)
        }
        return String(decoding: out, as: UTF8.self)
    }
}

private enum Redaction {
    static let mask = Array("***".utf8)
    private static let separators = Array(" \t\"'`,;()<>{}[]".utf8)
    /// Client keys, vendors' keys, signing secrets.
    private static let prefixes = ["kn_", "sk-", "whsec_"].map { Array($0.utf8) }
    private static let scheme = Array("://".utf8), callback = Array("/callback/".utf8)

    /// Whether anything in there ends what `redacted` looks for. False is certain.
    static func mayHide(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        func ends(_ word: StaticString, at index: Int) -> Bool {
            let start = index + 1 - word.utf8CodeUnitCount
            guard start >= 0 else { return false }
            return (start..<index).allSatisfy { bytes[$0] | 0x20 == word.utf8Start[$0 - start] | 0x20 }
        }
        for index in bytes.indices {
            let isEnd =
                switch bytes[index] {
                case UInt8(ascii: "?"): true
                case UInt8(ascii: "/"): ends("://", at: index) || ends("/callback/", at: index)
                case UInt8(ascii: "_"): ends("kn_", at: index) || ends("whsec_", at: index)
                case UInt8(ascii: "-"): ends("sk-", at: index)
                case UInt8(ascii: "r"), UInt8(ascii: "R"): ends("bearer", at: index)
                case UInt8(ascii: "c"), UInt8(ascii: "C"): ends("basic", at: index)
                default: false
                }
            if isEnd { return true }
        }
        return false
    }

    static func isSeparator(_ byte: UInt8) -> Bool { separators.contains(byte) }

    /// Whether the next word is a credential.
    static func isScheme(_ word: ArraySlice<UInt8>) -> Bool {
        ["bearer", "basic"].contains { word.lazy.map { $0 | 0x20 }.elementsEqual($0.utf8) }
    }

    /// Words and what is between them, in turn.
    static func pieces(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        for index in bytes.indices.dropFirst()
        where isSeparator(bytes[index]) != isSeparator(bytes[index - 1]) {
            pieces.append(bytes[start..<index])
            start = index
        }
        if start < bytes.count { pieces.append(bytes[start...]) }
        return pieces
    }

    static func redacted(_ word: ArraySlice<UInt8>) -> [UInt8] {
        var word = word
        var head: [UInt8] = []
        if let scheme = word.firstRange(of: scheme) {
            let rest = word[scheme.upperBound...]
            let authority = rest.prefix { ![0x2F, 0x3F, 0x23].contains($0) }
            if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
                head = word[..<scheme.upperBound] + mask
                word = word[at...]
            }
        }
        let cut = [queryStart(word), tokenStart(word), keyStart(word)].compactMap(\.self).min()
        return head + (cut.map { word[..<$0] + mask } ?? Array(word))
    }

    private static func queryStart(_ word: ArraySlice<UInt8>) -> Int? {
        guard let mark = word.firstIndex(of: UInt8(ascii: "?")), word[mark...].contains(UInt8(ascii: "="))
        else { return nil }
        return mark + 1
    }

    private static func tokenStart(_ word: ArraySlice<UInt8>) -> Int? {
        word.firstRange(of: callback)?.upperBound
    }

    /// A prefix inside of a word, as in `task-1`, begins no key.
    private static func keyStart(_ word: ArraySlice<UInt8>) -> Int? {
        word.indices.first { index in
            let isStart = index == word.startIndex || !isLetterOrDigit(word[index - 1])
            return isStart && prefixes.contains { word[index...].starts(with: $0) }
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF)
    }
}
