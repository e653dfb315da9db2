import Core
import FastCGI
import Glibc
import TestSupport
import Testing

/// Answers with the target. What begins with /body is read first, /large is answered at length.
private struct Echo: Handler {
    func handle(_ connection: Connection) {
        if connection.head.target.hasPrefix("/body") {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1000, alignment: 1)
            defer { buffer.deallocate() }
            while true {
                guard let count = try? connection.read(into: buffer) else { return }
                if count == 0 { break }
            }
        }
        let isLarge = connection.head.target.hasPrefix("/large")
        let body = isLarge ? [UInt8](repeating: 0x61, count: 32 << 20) : Array(connection.head.target.utf8)
        connection.send(Response(status: 200, body: body))
    }
}

/// Holds every request until so many are there.
private struct Gathering: Handler {
    let count: Int
    let arrived = Happening<String>()

    func handle(_ connection: Connection) {
        arrived.note(connection.head.target)
        let isWhole = arrived.wait { $0.count >= count }
        connection.send(Response(status: isWhole ? 200 : 500))
    }
}

/// Peers that break the rules, or off.
extension GatewayTests {
    @Suite struct Peers {
        private func withServer(
            threads: Int = 4, silenceSeconds: Int = 30, _ body: (FastCGIClient, Server) throws -> Void
        ) throws {
            let folder = try Folder()
            var options = Server.Options(socketPath: "\(folder.path)/socket", threads: threads)
            options.peerSilenceSecondsMax = silenceSeconds
            let server = try Server(options, handler: Echo())
            try server.start()
            defer { _ = server.drain(within: .seconds(10)) }
            try body(FastCGIClient(socketPath: options.socketPath), server)
        }

        private func expectAnswers(from client: FastCGIClient, _ count: Int = 20) throws {
            for number in 0..<count {
                let reply = try client.send("GET", "/number-\(number)")
                #expect(reply.isComplete)
                #expect(reply.text == "/number-\(number)")
            }
        }

        /// A request with a body, as long as it needs to be to hang up at all places.
        private var request: [UInt8] {
            var request = FastCGIRequest("POST", "/body", body: [UInt8](repeating: 0x62, count: 5000))
            request.keepsConnection = true
            return request.records()
        }

        /// nginx connects without waiting: where the queue is full, its client is told 502.
        @Test func whoConnectAtOnceAreAllTaken() throws {
            let folder = try Folder()
            let path = "\(folder.path)/socket"
            // Bound, and nobody accepts yet.
            let server = try Server(.init(socketPath: path, threads: 1), handler: Echo())
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            var open: [Int32] = []
            defer { for descriptor in open { close(descriptor) } }
            for number in 1...1000 {
                let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
                open.append(socket(AF_UNIX, flags, 0))
                let result = withUnsafePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        connect(open[number - 1], $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                    }
                }
                try #require(result == 0, "number \(number): \(String(cString: strerror(errno)))")
            }
            server.close()
        }

        @Test func thatWaitForEachOtherAllFindAThread() throws {
            let folder = try Folder()
            var options = Server.Options(socketPath: "\(folder.path)/socket", threads: 2)
            options.threadsMax = 20
            let server = try Server(options, handler: Gathering(count: 20))
            try server.start()
            defer { _ = server.drain(within: .seconds(10)) }
            let client = FastCGIClient(socketPath: options.socketPath)
            let statuses = Happening<Int>()
            try concurrently(20) { _ in statuses.note(try client.send("GET", "/").status) }
            #expect(statuses.all == [Int](repeating: 200, count: 20))
        }

        @Test func thatHangUpAnywhereCostNothing() throws {
            try withServer(threads: 2) { client, server in
                let records = request
                for end in Array(0..<300) + Array(stride(from: 300, to: records.count, by: 37)) {
                    let connection = try client.connect()
                    try connection.send(Array(records[..<end]))
                    connection.close()
                }
                try expectAnswers(from: client)
                try waitUntil("no request is left") { server.requestsInProgress == 0 }
            }
        }

        @Test func thatOnlyStopSendingCostNothing() throws {
            try withServer(threads: 2) { client, server in
                let records = request
                for end in Array(0..<100) + Array(stride(from: 100, to: records.count, by: 97)) {
                    let connection = try client.connect()
                    try connection.send(Array(records[..<end]))
                    connection.endSending()
                    // Whatever it answers, it hangs up.
                    while try connection.receive() != nil {}
                }
                try expectAnswers(from: client)
                try waitUntil("no request is left") { server.requestsInProgress == 0 }
            }
        }

        @Test func thatDoNotWaitForTheirAnswerCostNothing() throws {
            try withServer(threads: 2) { client, server in
                for target in ["/small", "/large"] {
                    for _ in 0..<20 {
                        let connection = try client.connect()
                        try connection.send(FastCGIRequest("GET", target).records())
                        connection.close()
                    }
                }
                try expectAnswers(from: client)
                try waitUntil("no request is left") { server.requestsInProgress == 0 }
            }
        }

        @Test(arguments: ["in the head", "in the body", "before the answer"])
        func thatStallAreLetGo(_ place: String) throws {
            try withServer(threads: 4, silenceSeconds: 4) { client, server in
                let connections = try (0..<4).map { _ in
                    let connection = try client.connect()
                    switch place {
                    case "in the head": try connection.send(Array(request[..<40]))
                    case "in the body": try connection.send(Array(request[..<2000]))
                    default: try connection.send(FastCGIRequest("GET", "/large").records())
                    }
                    return connection
                }
                if place != "in the head" {
                    try waitUntil("all threads are taken") { server.requestsInProgress == 4 }
                }
                let start = ContinuousClock.now
                try expectAnswers(from: client)
                #expect(start.duration(to: .now) < .seconds(20))
                withExtendedLifetime(connections) {}
            }
        }

        @Test func keepIdleConnectionsForFree() throws {
            try withServer(threads: 4) { client, _ in
                let connections = try (0..<200).map { number in
                    let connection = try client.connect()
                    var request = FastCGIRequest("GET", "/kept-\(number)")
                    request.keepsConnection = true
                    // Every other one has only connected so far.
                    if number % 2 == 0 {
                        #expect(try connection.answer(to: request).text == "/kept-\(number)")
                    }
                    return connection
                }
                let start = ContinuousClock.now
                try expectAnswers(from: client, 200)
                #expect(start.duration(to: .now) < .seconds(25))
                // They still work, in any order, also several at once.
                for (number, connection) in connections.enumerated().reversed() {
                    var request = FastCGIRequest("GET", "/again-\(number)")
                    request.keepsConnection = true
                    try connection.send(request.records())
                }
                for (number, connection) in connections.enumerated() {
                    #expect(try connection.readReply().text == "/again-\(number)")
                }
            }
        }

        @Test func mayDrainWhileConnectionsAreKept() throws {
            let folder = try Folder()
            let server = try Server(.init(socketPath: "\(folder.path)/socket", threads: 4), handler: Echo())
            try server.start()
            let client = FastCGIClient(socketPath: "\(folder.path)/socket")
            let connections = try (0..<50).map { _ in try client.connect() }
            #expect(server.drain(within: .seconds(20)))
            withExtendedLifetime(connections) {}
        }
    }
}
