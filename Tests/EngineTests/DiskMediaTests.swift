import Core
import Foundation
import Testing

@testable import Engine

@Suite struct DiskMediaTests {
    let folder: Folder
    let media: DiskMedia

    init() throws {
        folder = try Folder()
        media = folder.media
    }

    private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3]

    /// Stores bytes as a submit does.
    private func put(_ bytes: [UInt8], _ type: MediaType = .png) throws -> StoredMedia {
        let (path, stored) = try media.spool.write(bytes, type: type)
        try media.keep(path, as: stored)
        return stored
    }

    /// What a removal says at once.
    private func remove(_ stored: StoredMedia, from media: DiskMedia) throws -> Bool {
        let answer = Guarded<Result<Bool, KinoraError>?>(nil)
        media.remove(stored) { result in answer.withLock { $0 = result } }
        return try #require(answer.withLock { $0 }).get()
    }

    @Test func aFileIsNamedByItsContent() throws {
        let stored = try put(Array("abc".utf8))
        // SHA-256 of "abc", FIPS 180-2.
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(stored == StoredMedia(sha256: hash, bytes: 3, type: .png))
        #expect(folder.files("media") == ["ba/\(hash).png"])
        #expect(folder.bytes(media.path(of: stored)) == Array("abc".utf8))
        #expect(media.place(of: stored) == "/_media/ba/\(hash).png")
        #expect(folder.files("spool").isEmpty)
    }

    @Test func theSameBytesTwiceAreOneFile() throws {
        let first = try put(Self.png)
        let spooled = try folder.write(Self.png, to: "spool/again")
        let facts = try media.spool.examine(spooled)
        #expect(facts.type == .png && facts.bytes == Int64(Self.png.count) && facts.sha256 == first.sha256)
        try media.keep(spooled, as: first)
        #expect(folder.files("media").count == 1)
        #expect(folder.files("spool").isEmpty)
    }

    @Test func anEmptyFileHasNoType() throws {
        let facts = try media.spool.examine(try folder.write([], to: "spool/empty"))
        #expect(facts.type == nil && facts.bytes == 0)
    }

    @Test func aLargeFileIsHashedWhole() throws {
        let bytes = (0..<1_000_003).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let stored = try put(bytes, .mp4)
        #expect(stored.bytes == 1_000_003)
        #expect(try media.spool.examine(media.path(of: stored)).sha256 == stored.sha256)
    }

    /// nginx, in the same group, reads it; others do not.
    @Test func aStoredFileIsForTheGroupOnly() throws {
        let stored = try put(Self.png)
        let facts = try FileManager.default.attributesOfItem(atPath: media.path(of: stored))
        #expect(facts[.posixPermissions] as? Int == 0o640)
    }

    @Test func aFileThatWasTouchedAMomentAgoStays() throws {
        let stored = try put(Self.png)
        #expect(try !remove(stored, from: media))
        #expect(folder.files("media").count == 1)
    }

    @Test func anOldFileIsRemoved() throws {
        var patient = media
        patient.keptAtLeast = .seconds(-1)
        let stored = try put(Self.png)
        #expect(try remove(stored, from: patient))
        #expect(folder.files("media").isEmpty)
        // Once more is no fault.
        #expect(try remove(stored, from: patient))
    }

    @Test func aListNamesWhatIsStoredAndNothingElse() throws {
        let stored = try [put(Self.png), put(Array("film".utf8), .mp4)]
        try FileManager.default.createDirectory(
            atPath: folder.path + "/media/zz", withIntermediateDirectories: true)
        let hash = String(repeating: "0", count: 64)
        for name in ["zz/\(hash).png", "zz/notes.txt", "\(stored[0].sha256.prefix(2))/a.png", "readme.md"] {
            try folder.write([1], to: "media/\(name)")
        }
        #expect(try media.files() == stored.sorted { $0.sha256 < $1.sha256 })
    }

    @Test func aDirectoryThatCannotBeWrittenIsAStorageFault() throws {
        // A file where the directory should be: refused to root as well.
        let blocked = DiskMedia(directory: try folder.write([], to: "blocked"), spool: media.spool)
        let (path, stored) = try media.spool.write(Self.png, type: .png)
        let error = #expect(throws: KinoraError.self) { try blocked.keep(path, as: stored) }
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains(folder.path) == false)
    }

    @Test func aSpoolThatCannotBeWrittenIsAStorageFault() {
        let blocked = MediaSpool(directory: folder.path + "/nowhere")
        let error = #expect(throws: KinoraError.self) { _ = try blocked.write(Self.png, type: .png) }
        #expect(error?.code == .storageFailed)
    }

    @Test func aMissingFileIsAStorageFault() {
        let error = #expect(throws: KinoraError.self) {
            _ = try media.spool.examine(folder.path + "/spool/none")
        }
        #expect(error?.code == .storageFailed)
    }

    @Test func spoolPathsAreNeverTheSame() {
        #expect(Set((0..<100).map { _ in media.spool.newPath() }).count == 100)
    }
}
