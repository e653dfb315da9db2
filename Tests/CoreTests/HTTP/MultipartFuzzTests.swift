import Core
import TestSupport
import Testing

@Suite struct MultipartFuzzTests {
    /// A form as a client would build it, with contents that come as close to a delimiter as they may.
    private struct Sample {
        let contentType: String
        let body: [UInt8]
        let parts: [ParsedForm.Part]

        init(_ random: inout SplitMix64) {
            let boundary = random.pick([
                "x", "-", "--", "x-x", "a b", "----WebKitFormBoundary7MA4YWxk", "=_1:2?",
            ])
            let needsQuotes = boundary.contains { " :?=".contains($0) }
            contentType = "multipart/form-data; boundary=" + (needsQuotes ? "\"\(boundary)\"" : boundary)
            let delimiter = Array("\r\n--\(boundary)".utf8)
            var body = random.chance(20) ? Array("a preamble\r\n".utf8) : []
            var parts: [ParsedForm.Part] = []
            for _ in 0..<random.below(4) {
                let head = Self.head(&random)
                let content = Self.content(not: delimiter, &random)
                parts.append(.init(head: head, content: content, isEnded: true))
                body += delimiter.dropFirst(body.isEmpty ? 2 : 0)
                body += Array(Self.lines(head).utf8) + content
            }
            body += delimiter.dropFirst(body.isEmpty ? 2 : 0)
            body += Array((random.chance(30) ? "--\r\nan epilogue\r\n" : "--").utf8)
            (self.body, self.parts) = (body, parts)
        }

        private static func head(_ random: inout SplitMix64) -> PartHead {
            var head = PartHead(name: random.pick(["prompt", "image[]", "图片", "a\"b", "a\\b", "100%", " "]))
            if random.chance(50) {
                head.filename = random.pick(["", "a.png", "猫 和 狗.png", "../../etc/passwd", "a\r\nb", "%22"])
                if head.filename == "%22" { head.filename = "\"" }
            }
            if random.chance(50) {
                head.contentType = random.pick(["image/png", "text/plain; charset=utf-8"])
            }
            return head
        }

        /// Written as browsers write it.
        private static func lines(_ head: PartHead) -> String {
            func escaped(_ text: String) -> String {
                text.unicodeScalars.reduce(into: "") { out, scalar in
                    switch scalar {
                    case "\"": out += "%22"
                    case "\r": out += "%0D"
                    case "\n": out += "%0A"
                    default: out.unicodeScalars.append(scalar)
                    }
                }
            }
            var lines = "\r\nContent-Disposition: form-data; name=\"\(escaped(head.name))\""
            if let filename = head.filename { lines += "; filename=\"\(escaped(filename))\"" }
            if let contentType = head.contentType { lines += "\r\ncontent-type: \(contentType)" }
            return lines + "\r\n\r\n"
        }

        private static func content(not delimiter: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
            var content: [UInt8] = []
            for _ in 0..<random.below(8) {
                switch random.below(4) {
                case 0: content += [0x0D]
                case 1: content += delimiter.prefix(random.below(delimiter.count))
                case 2: content += delimiter.dropFirst(1 + random.below(2))
                default: content += [UInt8(random.below(256)), UInt8(random.below(256))]
                }
            }
            // The content begins a line, so a delimiter may stand neither in it nor at its beginning.
            while let at = MultipartFuzzTests.offset(of: delimiter, in: Array("\r\n".utf8) + content) {
                content.remove(at: at + delimiter.count - 3)
            }
            return content
        }
    }

    static func offset(of needle: [UInt8], in bytes: [UInt8], from start: Int = 0) -> Int? {
        bytes.withUnsafeBufferPointer { bytes in
            var at = start
            while at + needle.count <= bytes.count {
                var equal = 0
                while equal < needle.count, bytes[at + equal] == needle[equal] { equal += 1 }
                if equal == needle.count { return at }
                at += 1
            }
            return nil
        }
    }

    @Test func aGeneratedFormParsesToItselfHoweverItIsCut() throws {
        for seed in 0..<UInt64(Fuzz.rounds) {
            var random = SplitMix64(seed: seed)
            let sample = Sample(&random)
            let form = ParsedForm(sample.body, contentType: sample.contentType) { 1 + random.below(40) }
            try #require(form.error == nil, "seed \(seed)")
            try #require(form.parts == sample.parts, "seed \(seed)")
            try #require(form.misplaced == 0, "seed \(seed)")
        }
    }

    @Test func aSpoiltFormGivesEventsOrAnErrorAndNoByteOfItsOwn() throws {
        let tokens = [
            "\r\n", "\r", "\n", "--", "--x", "\r\n--x", "\r\n--x--", ":", ";", "\"", "\\", "=", " ", "\0",
            "name=", "filename=\"", "%22", "%0D", "\r\n\r\n",
            "Content-Disposition: form-data; name=\"a\"\r\n",
        ].map { Array($0.utf8) }
        for seed in 0..<UInt64(Fuzz.rounds) {
            var random = SplitMix64(seed: seed)
            let sample = Sample(&random)
            var body = sample.body
            Fuzz.mutate(&body, tokens: tokens, &random)
            let form = ParsedForm(body, contentType: sample.contentType)
            let cut = ParsedForm(body, contentType: sample.contentType) { 1 + random.below(24) }
            try #require(form == cut, "seed \(seed)")
            try #require(form.misplaced == 0, "seed \(seed)")
            try #require(form.error != nil || form.parts.allSatisfy(\.isEnded), "seed \(seed)")
            var position = 0
            for part in form.parts where !part.content.isEmpty {
                let found = Self.offset(of: part.content, in: body, from: position)
                position = try #require(found, "content that is not in the body, seed \(seed)")
                position += part.content.count
            }
        }
    }

    @Test func aRandomContentTypeIsTakenOrRefused() throws {
        let valid = Array("multipart/form-data; charset=utf-8; boundary=\"a b\"".utf8)
        let tokens = [";", "\"", "\\", "=", "boundary=", " ", "multipart/form-data", "\u{0}", "猫"].map {
            Array($0.utf8)
        }
        for seed in 0..<UInt64(Fuzz.rounds) {
            var random = SplitMix64(seed: seed)
            var bytes = valid
            Fuzz.mutate(&bytes, tokens: tokens, &random)
            do throws(KinoraError) {
                _ = try MultipartParser(contentType: String(decoding: bytes, as: UTF8.self))
            } catch {
                try #require([.malformedRequest, .unsupportedMediaType].contains(error.code), "seed \(seed)")
            }
        }
    }
}
