import Core
import TestSupport

/// A request body whose bytes are FastCGI records: whoever stops reading it and takes what is left for the
/// next request answers a request that nobody sent.
struct Forgery {
    /// What must never show up anywhere.
    static let trace = "forged"

    /// So many bytes of empty records and, again and again, a whole request with trusted parameters of its
    /// own.
    static func bytes(_ count: Int, key: String) -> [UInt8] {
        var request = FastCGIRequest(
            "GET", "/v1/models/\(trace)", headers: [("Authorization", "Bearer \(key)")])
        request.parameters = [
            ("KN_CLIENT_IP", "6.6.6.6"), ("KN_REQUEST_ID", trace), ("KN_TARGET", "/v1/models/\(trace)"),
        ]
        request.keepsConnection = true
        var piece = request.records()
        // Whole records of eight bytes, so that a reader who is off by any multiple of eight still finds the
        // request.
        piece += [UInt8](repeating: 0, count: -piece.count & 7)
        let sled = (0..<64).flatMap { _ in FastCGIRecord(.unknown, 0).bytes }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 4096)
        while bytes.count < count { bytes += sled + piece }
        return Array(bytes.prefix(count))
    }
}
