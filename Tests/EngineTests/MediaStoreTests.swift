import Core
import Foundation
import Testing

@testable import Engine

@Suite struct MediaStoreTests {
    let folder: Folder
    let media: MediaStore

    init() throws {
        folder = try Folder()
        media = folder.media
    }

    private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3]

    @Test func aFileIsNamedByItsContent() throws {
        let stored = try media.put(Array("abc".utf8), type: .png)
        // SHA-256 of "abc", FIPS 180-2.
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(stored == StoredMedia(sha256: hash, bytes: 3, type: .png))
        #expect(folder.files("media") == ["ba/\(hash).png"])
        #expect(folder.bytes(media.path(of: stored)) == Array("abc".utf8))
        #expect(folder.files("spool").isEmpty)
    }

    @Test func theSameBytesTwiceAreOneFile() throws {
        let first = try media.put(Self.png, type: .png)
        let spooled = try folder.write(Self.png, to: "spool/again")
        let facts = try media.examine(spooled)
        #expect(facts.type == .png && facts.bytes == Int64(Self.png.count) && facts.sha256 == first.sha256)
        let second = try media.adopt(spooled, sha256: facts.sha256, bytes: facts.bytes, type: .png)
        #expect(second == first)
        #expect(folder.files("media").count == 1)
        #expect(folder.files("spool").isEmpty)
    }

    @Test func anEmptyFileHasNoType() throws {
        let facts = try media.examine(try folder.write([], to: "spool/empty"))
        #expect(facts.type == nil && facts.bytes == 0)
    }

    @Test func aLargeFileIsHashedWhole() throws {
        let bytes = (0..<1_000_003).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let stored = try media.put(bytes, type: .mp4)
        #expect(stored.bytes == 1_000_003)
        #expect(try media.examine(media.path(of: stored)).sha256 == stored.sha256)
    }

    /// nginx, in the same group, reads it; others do not.
    @Test func aStoredFileIsForTheGroupOnly() throws {
        let stored = try media.put(Self.png, type: .png)
        let facts = try FileManager.default.attributesOfItem(atPath: media.path(of: stored))
        #expect(facts[.posixPermissions] as? Int == 0o640)
    }

    @Test func aFileThatWasTouchedAMomentAgoStays() throws {
        let stored = try media.put(Self.png, type: .png)
        media.remove(stored)
        #expect(folder.files("media").count == 1)
    }

    @Test func anOldFileIsRemoved() throws {
        var store = media
        store.keptAtLeast = .seconds(-1)
        let stored = try store.put(Self.png, type: .png)
        store.remove(stored)
        #expect(folder.files("media").isEmpty)
        // Once more is no fault.
        store.remove(stored)
    }

    @Test func aDirectoryThatCannotBeWrittenIsAStorageFault() throws {
        // A file where the directory should be: refused to root as well.
        let blocked = MediaStore(
            directory: try folder.write([], to: "blocked"), spoolDirectory: folder.path + "/spool")
        let error = #expect(throws: KinoraError.self) { try blocked.put(Self.png, type: .png) }
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains(folder.path) == false)
        #expect(folder.files("spool").isEmpty)
    }

    @Test func aSpoolThatCannotBeWrittenIsAStorageFault() {
        let blocked = MediaStore(directory: folder.path + "/media", spoolDirectory: folder.path + "/nowhere")
        let error = #expect(throws: KinoraError.self) { try blocked.put(Self.png, type: .png) }
        #expect(error?.code == .storageFailed)
        #expect(folder.files("media").isEmpty)
    }

    @Test func aMissingFileIsAStorageFault() {
        let error = #expect(throws: KinoraError.self) { try media.examine(folder.path + "/spool/none") }
        #expect(error?.code == .storageFailed)
    }

    @Test func spoolPathsAreNeverTheSame() {
        #expect(Set((0..<100).map { _ in media.newSpoolPath() }).count == 100)
    }
}
