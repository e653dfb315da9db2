import Foundation
import Testing

@testable import Sandbox

@Suite struct ImageSizeTests {
    @Test(
        arguments: [
            ("png", []), ("jpg", []), ("webp", []), ("webp", ["-lossless", "1"]),
        ] as [(String, [String])])
    func sizesAreReadFromRealFiles(_ type: String, _ options: [String]) throws {
        let folder = try Folder()
        let path = "\(folder.path)/image.\(type)"
        let source = ["-f", "lavfi", "-i", "color=red:s=322x246", "-frames:v", "1"]
        try succeed("ffmpeg", ["-loglevel", "error"] + source + options + [path])
        let bytes = try #require(FileStore.bytes(of: path))
        #expect(FrameSize(ofImage: bytes) == FrameSize(322, 246))
        for count in 0..<min(64, bytes.count) { _ = FrameSize(ofImage: Array(bytes.prefix(count))) }
    }

    @Test func anExtendedWebPHasItsCanvasSize() {
        let head =
            "RIFF____WEBPVP8X".utf8.map { $0 } + [10, 0, 0, 0, 0, 0, 0, 0] + [0xFF, 0x04, 0, 0xCF, 0x02, 0]
        #expect(FrameSize(ofImage: head) == FrameSize(1280, 720))
    }

    @Test func garbageHasNoSize() {
        var random = SystemRandomNumberGenerator()
        let starts: [[UInt8]] = [
            [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], [0xFF, 0xD8, 0xFF], Array("RIFF1234WEBP".utf8),
        ]
        for round in 0..<3000 {
            let tail = (0..<Int.random(in: 0..<80, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = FrameSize(ofImage: starts[round % 3] + tail)
        }
        #expect(FrameSize(ofImage: Array("GIF89a".utf8) + [1, 0, 1, 0]) == nil)
        #expect(FrameSize(ofImage: []) == nil)
    }

    @Test func base64IsReadStrictly() {
        #expect(Base64.bytes("") == [])
        #expect(Base64.bytes("TWFu") == Array("Man".utf8))
        #expect(Base64.bytes("TWE=") == Array("Ma".utf8))
        #expect(Base64.bytes("TQ==") == Array("M".utf8))
        #expect(Base64.bytes("+/+/") == [0xFB, 0xFF, 0xBF])
        for broken in ["T", "TW", "TWF", "TW=u", "T===", "TWF\n", "TW-_"] {
            #expect(Base64.bytes(broken) == nil)
        }
        let bytes = (0..<300).map { _ in UInt8.random(in: 0...255) }
        #expect(Base64.bytes(Data(bytes).base64EncodedString()) == bytes)
    }
}
