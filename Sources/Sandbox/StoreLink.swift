internal import Core

/// Links to what vendors have made, as object stores give them: `/VENDOR/store/FILE?expires=TIME`. They want
/// no key, and refuse one as those stores do; a day later they end.
enum StoreLink {
    private static let lifetime = Duration.seconds(24 * 3600)
    private static let folder = "store"

    static func text(to file: String, of vendor: String, at origin: String, from time: Timestamp) -> String {
        "\(origin)/\(vendor)/\(folder)/\(file)?expires=\((time + lifetime).seconds)"
    }

    /// Where the client reaches the sandbox.
    static func origin(of head: RequestHead) -> String {
        "https://\(head.headers["host"] ?? "localhost")"
    }

    /// Whether it is one of them. Throws when it comes with a key.
    static func isOne(_ head: RequestHead, of vendor: String) throws(KinoraError) -> Bool {
        guard head.target.hasPrefix("/\(vendor)/\(folder)/") else { return false }
        guard head.authorization.isEmpty else { throw KinoraError(.malformedRequest) }
        return true
    }

    /// What is behind it; nil for another address.
    static func order(_ request: VendorRequest) throws(KinoraError) -> Order? {
        guard request.segments.count == 2, request.segments[0] == folder else { return nil }
        guard let end = request.query["expires"].flatMap({ Int64($0) }) else {
            throw KinoraError(.contentNotFound)
        }
        let file = request.segments[1]
        return file.hasPrefix(FilmFile.picturePrefix)
            ? .picture(file, until: Timestamp(seconds: end)) : .film(file, until: Timestamp(seconds: end))
    }

    static func answer(_ file: String, _ type: String) -> Response {
        var response = Response(status: 200, headers: [("Content-Type", type)])
        response.internalFile = World.internalPrefix + file
        return response
    }
}
