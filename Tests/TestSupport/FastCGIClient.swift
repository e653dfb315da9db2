public import Core
import Glibc

/// One HTTP request as nginx would hand it to a FastCGI application.
public struct FastCGIRequest: Sendable {
    public var method: String
    /// Path and query.
    public var target: String
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// Further parameters, or other values for those that follow from the request.
    public var parameters: [(name: String, value: String)] = []
    /// Asks the application to keep the connection.
    public var keepsConnection = false

    public init(
        _ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
    }

    /// A request with a JSON body.
    public init(
        _ method: String, _ target: String, headers: [(name: String, value: String)] = [], json: JSON
    ) {
        self.init(
            method, target, headers: headers + [("Content-Type", "application/json")], body: json.serialized()
        )
    }

    /// All parameters, as nginx/parts/location/params.conf sends them.
    public var allParameters: [(name: String, value: String)] {
        var all: [(name: String, value: String)] = [
            ("REQUEST_METHOD", method), ("REQUEST_URI", target), ("KN_CLIENT_IP", "127.0.0.1"),
            ("KN_REQUEST_ID", "test"),
        ]
        if !body.isEmpty { all.append(("CONTENT_LENGTH", String(body.count))) }
        for (name, value) in headers {
            let upper = name.uppercased().replacing("-", with: "_")
            all.append((upper == "CONTENT_TYPE" ? upper : "HTTP_\(upper)", value))
        }
        return all.filter { old in !parameters.contains { $0.name == old.name } } + parameters
    }

    /// The records of the whole request.
    public func records(id: UInt16 = 1) -> [UInt8] {
        var out = FastCGIRecord(.begin, id, [0, 1, keepsConnection ? 1 : 0, 0, 0, 0, 0, 0]).bytes
        out += FastCGIRecord.stream(.params, id, FastCGIRecord.pairs(allParameters))
        return out + FastCGIRecord.stream(.stdin, id, body)
    }
}

/// One FastCGI record.
public struct FastCGIRecord: Sendable, Equatable {
    public enum Kind: UInt8, Sendable {
        case begin = 1, abort, end, params, stdin, stdout, stderr, data, getValues, getValuesResult, unknown
    }

    public var kind: UInt8
    public var id: UInt16
    public var content: [UInt8]
    public var paddingBytes = 0

    public init(_ kind: Kind, _ id: UInt16 = 1, _ content: [UInt8] = []) {
        self.kind = kind.rawValue
        self.id = id
        self.content = content
    }

    public var bytes: [UInt8] {
        let length = UInt16(truncatingIfNeeded: content.count)
        return [1, kind, UInt8(id >> 8), UInt8(id & 255), UInt8(length >> 8), UInt8(length & 255)]
            + [UInt8(paddingBytes), 0] + content + [UInt8](repeating: 0, count: paddingBytes)
    }

    /// Bytes as a stream of records with the empty record that ends it.
    public static func stream(_ kind: Kind, _ id: UInt16, _ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 65_528) {
            let piece = Array(bytes[start..<min(start + 65_528, bytes.count)])
            out += FastCGIRecord(kind, id, piece).bytes
        }
        return out + FastCGIRecord(kind, id).bytes
    }

    /// Names and values in the form of a PARAMS stream.
    public static func pairs(_ pairs: [(name: String, value: String)]) -> [UInt8] {
        func length(_ count: Int) -> [UInt8] {
            guard count > 127 else { return [UInt8(count)] }
            return [24, 16, 8, 0].enumerated().map { UInt8(count >> $1 & 255) | ($0 == 0 ? 128 : 0) }
        }
        return pairs.flatMap {
            length($0.name.utf8.count) + length($0.value.utf8.count) + Array($0.name.utf8)
                + Array($0.value.utf8)
        }
    }
}

/// What an application answered.
public struct FastCGIReply: Sendable {
    /// 200 when the application named none, as the CGI rules have it; 0 when not even a head arrived.
    public var status = 0
    public var headers: [(name: String, value: String)] = []
    public var body: [UInt8] = []
    /// What arrived on the error stream.
    public var errorText = ""
    /// Whether the application ended the request. False: the connection broke.
    public var isComplete = false

    /// The last value of a header; names in any case.
    public subscript(_ name: String) -> String? {
        headers.last { $0.name.lowercased() == name.lowercased() }?.value
    }

    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The body; null when it is no JSON.
    public var json: JSON { (try? JSONParser.parse(body)) ?? .null }

    mutating func takeOutput(_ output: [UInt8]) {
        let end = [UInt8]("\r\n\r\n".utf8)
        guard let headEnd = output.indices.first(where: { output[$0...].starts(with: end) }) else { return }
        body = Array(output[(headEnd + 4)...])
        status = 200
        for line in String(decoding: output[..<headEnd], as: UTF8.self).split(separator: "\r\n") {
            let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let value = halves.count == 2 ? String(halves[1].trimmingPrefix(" ")) : ""
            if halves[0] == "Status" {
                status = Int(value.prefix(3)) ?? 0
            } else {
                headers.append((String(halves[0]), value))
            }
        }
    }
}

/// A connection to a FastCGI application, for one thread. The lower half sends any bytes, broken ones too.
public final class FastCGIConnection {
    public struct Fault: Error, Sendable {
        public let call: String
        public let code: Int32
    }

    public let descriptor: Int32
    private var isOpen = true

    /// Connects. A read or write that takes longer than `timeoutSeconds` fails.
    public init(socketPath: String, timeoutSeconds: Int = 30) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard socketPath.utf8.count <= room else { throw Fault(call: "path", code: ENAMETOOLONG) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(socketPath.utf8)) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw Fault(call: "connect", code: errno) }
    }

    deinit { close() }

    public func close() {
        if isOpen { Glibc.close(descriptor) }
        isOpen = false
    }

    /// Tells the application that no more will come, while answers still can.
    public func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    public func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Fault(call: "send", code: errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// The next record; nil when the application hung up.
    public func receive() throws -> FastCGIRecord? {
        guard let head = try receive(byteCount: 8) else { return nil }
        let length = Int(head[4]) << 8 | Int(head[5])
        guard let rest = try receive(byteCount: length + Int(head[6])) else { return nil }
        var record = FastCGIRecord(.unknown, UInt16(head[2]) << 8 | UInt16(head[3]), Array(rest[..<length]))
        record.kind = head[1]
        return record
    }

    /// Exactly so many bytes; nil when the application hung up before.
    public func receive(byteCount: Int) throws -> [UInt8]? {
        var out = [UInt8](repeating: 0, count: byteCount)
        var have = 0
        while have < byteCount {
            let count = out.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress! + have, byteCount - have, 0)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno != ECONNRESET { throw Fault(call: "recv", code: errno) }
            guard count > 0 else { return nil }
            have += count
        }
        return out
    }

    /// Sends a whole request and reads its answer to the end.
    public func answer(to request: FastCGIRequest, id: UInt16 = 1) throws -> FastCGIReply {
        try send(request.records(id: id))
        return try readReply()
    }

    /// Reads records up to the end of a request, or of the connection.
    public func readReply() throws -> FastCGIReply {
        var reply = FastCGIReply()
        var output: [UInt8] = []
        while !reply.isComplete, let record = try receive() {
            switch FastCGIRecord.Kind(rawValue: record.kind) {
            case .stdout: output += record.content
            case .stderr: reply.errorText += String(decoding: record.content, as: UTF8.self)
            case .end: reply.isComplete = true
            default: break
            }
        }
        reply.takeOutput(output)
        return reply
    }
}

/// Sends requests to a FastCGI application, each on a fresh connection. For any number of threads.
public struct FastCGIClient: Sendable {
    public let socketPath: String
    public var timeoutSeconds = 30
    /// Sent with every request.
    public var headers: [(name: String, value: String)] = []

    public init(socketPath: String) { self.socketPath = socketPath }

    public func connect() throws -> FastCGIConnection {
        try FastCGIConnection(socketPath: socketPath, timeoutSeconds: timeoutSeconds)
    }

    public func send(_ request: FastCGIRequest) throws -> FastCGIReply {
        var request = request
        request.headers += headers
        return try connect().answer(to: request)
    }

    public func send(_ method: String, _ target: String) throws -> FastCGIReply {
        try send(FastCGIRequest(method, target))
    }

    public func send(_ method: String, _ target: String, json: JSON) throws -> FastCGIReply {
        try send(FastCGIRequest(method, target, json: json))
    }
}
