import Glibc
import Core

/// A file that somebody holds on to. A copy is removed with the last who does.
final class HeldFile: LocalFile {
    let path: String
    let bytes: Int64
    private let isCopy: Bool

    init(_ path: String, bytes: Int64, isCopy: Bool) {
        self.path = path
        self.bytes = bytes
        self.isCopy = isCopy
    }

    deinit { if isCopy { unlink(path) } }
}
