import Core
import Glibc
import TestSupport
import Testing

/// Bytes that are no FastCGI. The server is a process of its own: were it to crash, it would be seen.
extension GatewayTests {
    @Suite(.freshDatabase) struct Garbage {
        private func sendAndRead(_ bytes: [UInt8], to socket: String) throws -> [UInt8] {
            let connection = try FastCGIConnection(socketPath: socket)
            // It may hang up before all is said.
            try? connection.send(bytes)
            connection.endSending()
            var answer: [UInt8] = []
            while let byte = try connection.receive(byteCount: 1) { answer += byte }
            return answer
        }

        private func record(
            _ kind: UInt8, version: UInt8 = 1, id: UInt16 = 1, _ content: [UInt8], claims: UInt16? = nil
        )
            -> [UInt8]
        {
            var bytes = FastCGIRecord(.unknown, id, content).bytes
            bytes[0] = version
            bytes[1] = kind
            if let claims { (bytes[4], bytes[5]) = (UInt8(claims >> 8), UInt8(claims & 255)) }
            return bytes
        }

        private var begin: [UInt8] { FastCGIRecord(.begin, 1, [0, 1, 1, 0, 0, 0, 0, 0]).bytes }

        /// Broken in a way somebody thought of.
        private var crafted: [[UInt8]] {
            let endless: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x61]
            let half: [UInt8] = [0x7F, 0xFF, 0xFF, 0xF0, 0x80, 0, 0, 0x10, 0x61]
            return [
                begin + record(4, endless), begin + record(4, half), begin + record(4, [0x80]),
                begin + record(4, [5, 5, 0x61]),
                begin + record(4, [0, 0]) + record(4, []) + record(5, []), begin + record(5, [1, 2, 3]),
                begin + begin, begin + record(2, []), begin + record(2, [], claims: 65_535), record(4, []),
                record(5, []),
                record(1, version: 2, [0, 1, 0, 0, 0, 0, 0, 0]), record(1, [0, 9, 0, 0, 0, 0, 0, 0]),
                record(1, []),
                record(1, id: 0, [0, 1, 0, 0, 0, 0, 0, 0]), record(200, [1, 2, 3]),
                record(200, id: 0, [1, 2, 3]),
                begin + record(4, id: 7, []), Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
                begin
                    + record(4, FastCGIRecord.pairs([("CONTENT_LENGTH", "-1"), ("REQUEST_METHOD", "POST")]))
                    + record(4, [])
                    + record(5, []),
                begin
                    + record(
                        4,
                        FastCGIRecord.pairs([
                            ("CONTENT_LENGTH", "99999999999999999999"), ("REQUEST_URI", "\u{1}"),
                        ]))
                    + record(4, []) + record(5, []),
            ]
        }

        @Test func endsConnectionsAndNothingElse() throws {
            try withSite { site in
                let serve = try site.start("serve", ["KINORA_FAST_THREADS": "4"])
                var random = SplitMix64(seed: 20_260_101)
                for bytes in crafted { _ = try sendAndRead(bytes, to: site.fastSocket) }
                for _ in 0..<1000 {
                    let count = Int.random(in: 1...2000, using: &random)
                    _ = try sendAndRead(
                        (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) },
                        to: site.fastSocket)
                }
                // A good request with a few bytes changed: often still a request.
                let good = FastCGIRequest(
                    "GET", "/v1/models", headers: [("Authorization", "Bearer \(site.key)")]
                ).records()
                for _ in 0..<2000 {
                    var bytes = good
                    for _ in 0..<Int.random(in: 1...4, using: &random) {
                        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                            in: 0...255, using: &random)
                    }
                    _ = try sendAndRead(bytes, to: site.fastSocket)
                }
                #expect(serve.isRunning)
                for _ in 0..<20 { #expect(try site.fast.send("GET", "/v1/models").status == 200) }
            }
        }

        @Test func isNotWhatAQuestionForValuesIs() throws {
            try withSite { site in
                _ = try site.start("serve")
                let connection = try site.fast.connect()
                let names = ["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "SOMETHING_ELSE"]
                let question = FastCGIRecord(.getValues, 0, FastCGIRecord.pairs(names.map { ($0, "") })).bytes
                let request = FastCGIRequest(
                    "GET", "/v1/models", headers: [("Authorization", "Bearer \(site.key)")])
                // libfcgi answers when the next record arrives.
                try connection.send(question + request.records())
                let answer = try #require(try connection.receive())
                #expect(answer.kind == FastCGIRecord.Kind.getValuesResult.rawValue)
                #expect(answer.id == 0)
                let text = String(decoding: answer.content, as: UTF8.self)
                // One request at a time on each connection.
                #expect(text.contains("FCGI_MPXS_CONNS0"))
                #expect(!text.contains("SOMETHING_ELSE"))
                #expect(try connection.readReply().status == 200)
            }
        }

        @Test func inSizeIsBoundedByFastCGIAndNotByMemory() throws {
            try withSite { site in
                let serve = try site.start("serve", ["KINORA_FAST_THREADS": "4"])
                // Far more parameters than nginx would ever pass on, then a request that never begins.
                let value = String(repeating: "v", count: 60_000)
                var request = FastCGIRequest(
                    "GET", "/v1/models", headers: [("Authorization", "Bearer \(site.key)")])
                request.parameters = (0..<200).map { ("HTTP_X_\($0)", value) }
                #expect(try site.fast.connect().answer(to: request).status == 200)
                #expect(serve.isRunning)
            }
        }
    }
}
