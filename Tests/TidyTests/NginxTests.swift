import Core
import Testing

/// nginx refuses before the application does, and waits longer: the two must agree.
@Suite struct NginxTests {
    /// The values of a directive in a file, comments left out.
    private func values(_ directive: String, in file: SourceFile) -> [String] {
        file.lines.compactMap { line in
            let words = line.prefix { $0 != "#" }.split { " ;{}".contains($0) }.map(String.init)
            guard let index = words.firstIndex(of: directive), index + 1 < words.count else { return nil }
            return words[(index + 1)...].joined(separator: " ")
        }
    }

    private func only(_ directive: String, in path: String) throws -> String {
        let values = values(directive, in: try SourceTree.file(path))
        try #require(values.count == 1, "\(path) \(directive): \(values)")
        return values[0]
    }

    private func seconds(_ text: String) -> Int? {
        text.hasSuffix("ms") ? nil : text.last == "s" ? Int(text.dropLast()) : nil
    }

    private func bytes(_ text: String) -> Int? {
        switch text.last {
        case "k": Int(text.dropLast()).map { $0 << 10 }
        case "m": Int(text.dropLast()).map { $0 << 20 }
        default: Int(text)
        }
    }

    @Test func aSlowCallMayTakeTheLongestWaitAndHalfAMinute() throws {
        let timeout = seconds(try only("fastcgi_read_timeout", in: "nginx/parts/location/slow.conf"))
        #expect(timeout == Limits.syncWaitSecondsMax + 30)
    }

    @Test func aFastCallMayTakeAsLongAsAStoppingProcessGivesIt() throws {
        let timeout = try #require(
            seconds(try only("fastcgi_read_timeout", in: "nginx/parts/location/fast.conf")))
        #expect(timeout > Limits.drainSecondsMax)
    }

    @Test(arguments: ["slow", "relay", "media-call", "sandbox"])
    func aRouteThatTakesMediaTakesAWholeForm(_ part: String) throws {
        let size = bytes(try only("client_max_body_size", in: "nginx/parts/location/\(part).conf"))
        #expect(size == Limits.formBodyBytesMax)
        #expect(Limits.jsonBodyBytesMax <= Limits.formBodyBytesMax)
        #expect(Limits.referenceBytesMax <= Limits.formBodyBytesMax)
    }

    @Test func aCallbackIsAsShortAsTheApplicationSays() throws {
        let size = bytes(try only("client_max_body_size", in: "nginx/parts/location/callback.conf"))
        #expect(size == Limits.callbackBodyBytesMax)
    }

    @Test func noOtherRouteTakesMore() throws {
        for file in try SourceTree.files(in: ["nginx"], [".conf"]) {
            for value in values("client_max_body_size", in: file) {
                #expect(try #require(bytes(value)) <= Limits.formBodyBytesMax, "\(file)")
            }
        }
    }

    @Test func theKeptConnectionsAreCountedInTheSameTimeEverywhere() throws {
        for file in try SourceTree.files(in: ["nginx"], [".conf"]) {
            for value in values("fastcgi_read_timeout", in: file) {
                let timeout = try #require(seconds(value), "\(file)")
                #expect(timeout <= Limits.syncWaitSecondsMax + 30, "\(file)")
            }
        }
    }

    /// add_header in a location drops every header of the server there.
    @Test func headersAreAddedInTheirOwnPlacesOnly() throws {
        let places = [
            "nginx/parts/server/headers.conf", "nginx/parts/server/errors.conf",
            "nginx/parts/public/hsts.conf",
        ]
        for file in try SourceTree.files(in: ["nginx"], [".conf"]) where !places.contains(file.path) {
            #expect(values("add_header", in: file).isEmpty, "\(file)")
        }
    }

    @Test func everyPartIsIncluded() throws {
        let files = try SourceTree.files(in: ["nginx"], [".conf"])
        let included = Set(files.flatMap { values("include", in: $0) })
        for file in files where file.path.hasPrefix("nginx/parts/") {
            let name = file.path.replacing("nginx/parts/", with: "kinora/")
            let folder = name.split(separator: "/").dropLast().joined(separator: "/") + "/*.conf"
            #expect(included.contains(name) || included.contains(folder), "\(file) is included nowhere")
        }
    }
}
