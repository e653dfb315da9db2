import Core
import Foundation
import Testing

extension GatewayTests {
    @Suite struct Uploads {
        private var curl: Curl { get throws { try Instance.running().curl } }

        private func upload(_ file: String, type: String, _ options: String...) throws -> Reply {
            var curl = try curl.with("--upload-file", file, "--header", "Expect:")
            curl.options += options
            return try curl.send(
                Call("POST", "/v1/videos").with("Content-Type", type).key(try Instance.running().key))
        }

        /// A file of zeros that takes no room.
        private func sparseFile(_ bytes: UInt64, in folder: Folder) throws -> String {
            let path = "\(folder.path)/large"
            try Data().write(to: URL(filePath: path))
            let handle = try FileHandle(forWritingTo: URL(filePath: path))
            try handle.truncate(atOffset: bytes)
            try handle.close()
            return path
        }

        @Test(arguments: ["--http1.1", "--http2"])
        func thatAreTooLargeAreRefusedInJSON(_ version: String) throws {
            let folder = try Folder()
            let path = try sparseFile(100 << 20, in: folder)
            for type in ["application/json", "multipart/form-data; boundary=b"] {
                let reply = try upload(path, type: type, version)
                #expect(reply.status == 413)
                #expect(reply.errorCode == "request_too_large")
                #expect(reply["Content-Type"] == "application/json")
            }
        }

        @Test func ofUnknownLengthAreHeldToTheSameLimit() throws {
            let folder = try Folder()
            let path = try sparseFile(70 << 20, in: folder)
            let reply = try upload(
                path, type: "multipart/form-data; boundary=b", "--http1.1", "--header",
                "Transfer-Encoding: chunked")
            #expect(reply.status == 413)
            #expect(reply.errorCode == "request_too_large")
        }

        /// JSON has a lower limit than forms; nginx cannot tell them apart, so the application does.
        @Test(arguments: ["a good key", "a wrong key"])
        func ofJSONBeyondItsOwnLimitGetTheApplicationsAnswer(_ which: String) throws {
            let body =
                Array("{\"prompt\": \"".utf8) + [UInt8](repeating: 0x61, count: 21 << 20) + Array("\"}".utf8)
            let key = which == "a good key" ? try Instance.running().key : "kn_wrong"
            let reply = try curl.send(Call.post("/v1/videos", body, type: "application/json").key(key))
            #expect(reply.status == (which == "a good key" ? 413 : 401))
            #expect(reply.errorCode == (which == "a good key" ? "body_too_large" : "invalid_api_key"))
        }

        @Test func areWhatTheirBytesAreWhateverTheyAreCalled() throws {
            let gateway = try curl
            let file = FormFile(
                field: "input_reference", name: "../../etc/passwd.html", type: "text/html",
                bytes: try picture("1280x720"))
            let fields = [
                ("prompt", "from a picture"), ("seconds", "4"), ("size", "1280x720"), ("async_mode", "false"),
            ]
            let key = try Instance.running().key
            let reply = try gateway.send(Call.post("/v1/videos", form: fields, files: [file]).key(key))
            #expect(reply.status == 200)
            #expect(reply.json["status"] == "completed")
        }

        @Test func asBase64InJSONWorkToo() throws {
            let text = Data(try picture("720x1280")).base64EncodedString()
            let key = try Instance.running().key
            for value in [
                JSON.string(text), .string("data:image/jpeg;base64,\(text)"),
                ["image_url": .string("data:image/png;base64,\(text)")],
            ] {
                let call = Call.post(
                    "/v1/videos",
                    json: [
                        "prompt": "a picture", "seconds": "4", "size": "720x1280", "input_reference": value,
                        "async_mode": false,
                    ])
                let reply = try curl.send(call.key(key))
                #expect(reply.json["status"] == "completed", "\(reply.text)")
            }
        }

        @Test func leaveNothingInTheSpoolFolder() throws {
            let spool = try Instance.running().environment["KINORA_SPOOL_DIR"] ?? ""
            let key = try Instance.running().key
            let good = FormFile(field: "input_reference", bytes: try picture("1280x720"))
            let bad = FormFile(field: "input_reference", bytes: [UInt8](repeating: 7, count: 300_000))
            for files in [[bad], [good, bad], [bad, bad, good]] {
                _ = try curl.send(
                    Call.post("/v1/videos", form: [("prompt", "x"), ("seconds", "5")], files: files).key(key))
            }
            try waitUntil("no upload is left") {
                try !FileManager.default.contentsOfDirectory(atPath: spool).contains {
                    $0.hasPrefix("upload-")
                }
            }
        }

        /// nginx takes the body at the client's pace and hands it on when it is complete.
        @Test func thatDribbleHoldNobodyUp() throws {
            let key = try Instance.running().key
            let body = multipart([("prompt", String(repeating: "slow ", count: 5000)), ("seconds", "5")])
            let slow = try curl.with("--limit-rate", "8K")
            let call = Call.post("/v1/videos", body, type: "multipart/form-data; boundary=b").key(key)
            let isUnderWay = Box(0), areDone = Box(0)
            let uploads = try (0..<20).map { _ in
                try Core.Thread {
                    isUnderWay.change { $0 += 1 }
                    if (try? slow.send(call))?.status == 400 { areDone.change { $0 += 1 } }
                }
            }
            try waitUntil("the uploads have begun") { isUnderWay.value == 20 }
            // None of these waits until an upload is done.
            var count = 0
            while areDone.value == 0 {
                #expect(try curl.send(Call.get("/v1/models").key(key)).status == 200)
                count += 1
            }
            #expect(count > 2)
            for upload in uploads { #expect(upload.join(until: .now + .seconds(60))) }
            #expect(areDone.value == 20)
        }
    }
}
