import Core
import Testing

@Suite struct MediaTypeTests {
    private static func box(_ brand: String) -> [UInt8] {
        [0, 0, 0, 0x20] + Array("ftyp\(brand)\0\0\u{2}\0".utf8)
    }
    private static func riff(_ kind: String) -> [UInt8] { Array("RIFF\u{10}\0\0\0\(kind)".utf8) }

    static let known: [(MediaType, [UInt8])] = [
        (.png, [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0x0D]),
        (.jpeg, [0xFF, 0xD8, 0xFF, 0xE0]), (.jpeg, [0xFF, 0xD8, 0xFF, 0xE1]),
        (.jpeg, [0xFF, 0xD8, 0xFF, 0xDB]), (.webp, riff("WEBPVP8 ")), (.wav, riff("WAVEfmt ")),
        (.gif, Array("GIF87a".utf8)), (.gif, Array("GIF89a".utf8)), (.quicktime, box("qt  ")),
        (.mp4, box("isom")), (.mp4, box("mp42")), (.mp4, box("avc1")), (.mp4, box("iso5")),
        (.mp4, box("M4V ")), (.mp4, box("dash")), (.webm, [0x1A, 0x45, 0xDF, 0xA3, 0x9F]),
        (.mp3, Array("ID3\u{4}\0".utf8)), (.mp3, [0xFF, 0xFB, 0x90]), (.mp3, [0xFF, 0xFA]),
        (.mp3, [0xFF, 0xF3]), (.mp3, [0xFF, 0xE3]),
    ]

    @Test(arguments: known) func aFileIsKnownByItsFirstBytes(_ type: MediaType, _ head: [UInt8]) {
        #expect(MediaType(sniffing: head) == type)
        #expect(MediaType(sniffing: head + [UInt8](repeating: 0x5A, count: 100)) == type)
    }

    @Test(
        arguments: [
            [], [0], [0xFF], [0xFF, 0xD8], [0x89, 0x50, 0x4E, 0x47], Array("GIF88a".utf8), Array("RIFF".utf8),
            riff("AVI "), Array("RIFX\0\0\0\0WAVE".utf8), Array("ftyp".utf8),
            [0, 0, 0, 0x20] + Array("moov".utf8), [0x1A, 0x45, 0xDF], Array("<svg xmlns=".utf8),
            Array("<!DOCTYPE html>".utf8), Array("%PDF-1.7".utf8), Array("#!/bin/sh".utf8),
            [0xFF, 0xFE, 0x41, 0x00], [0xFF, 0xF1, 0x50], [0xFF, 0xF9], [0xFF, 0xFD], [0xFF, 0xFF],
            Array("\u{FEFF}GIF89a".utf8), Array(" GIF89a".utf8),
        ] as [[UInt8]])
    func anythingElseIsUnknown(_ head: [UInt8]) {
        #expect(MediaType(sniffing: head) == nil)
    }

    @Test(arguments: ["heic", "heix", "hevc", "mif1", "msf1", "avif", "avis", "M4A ", "M4B ", "crx "])
    func aPictureOrSoundInAnMP4BoxIsNoVideo(_ brand: String) {
        // Phones send HEIC: taken for a video, it would pass every check and fail at the upstream.
        #expect(MediaType(sniffing: Self.box(brand)) == nil)
    }

    @Test func everyTypeIsRecognisedAndNamedOnce() {
        #expect(Set(Self.known.map(\.0)) == Set(MediaType.allCases))
        #expect(Set(MediaType.allCases.map(\.fileExtension)).count == MediaType.allCases.count)
        for type in MediaType.allCases { #expect(type.rawValue.hasPrefix(type.family.rawValue + "/")) }
    }
}
