import Foundation

/// A folder of its own below /tmp, short enough for sockets; removed with the object.
final class Folder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/kn-gw-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failed("mkdtemp: \(errno)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
