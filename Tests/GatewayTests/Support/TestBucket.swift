import Core
import Foundation
import TestSupport

/// An S3 server of the test's own (Tests/Bucket/server.py): it refuses every signature that botocore would
/// not have made. It ends with the object, and what it keeps with its process.
final class TestBucket: Sendable {
    static let secret = "bucket-s3cret-key"
    static let accessKey = "AKIATEST0BUCKET"
    private static let name = "media"
    private let folder: Folder
    private let program: Box<Program>
    let port: Int

    init() throws {
        folder = try Folder()
        let first = try Self.launch(port: 0)
        program = Box(first)
        let line = try first.line(containing: "listening on")
        guard let port = line.split(separator: " ").last.flatMap({ Int($0) }) else {
            throw Failed("the bucket said: \(line)")
        }
        self.port = port
        try keyFile(Self.accessKey, Self.secret)
    }

    deinit { stop() }

    private static func launch(port: Int, _ tls: [String] = []) throws -> Program {
        try Program(
            try Surroundings.value("KINORA_TEST_BUCKET_PYTHON"),
            ["\(Surroundings.repository)/Tests/Bucket/server.py", String(port), name, accessKey, secret]
                + tls,
            environment: ["PATH": "/usr/bin:/bin"])
    }

    func stop() { program.value.kill9() }

    /// On the same port, and empty. `tls` is a folder with certificate and key: then it speaks TLS.
    func start(tls: String? = nil) throws {
        let next = try Self.launch(port: port, tls.map { ["\($0)/cert.pem", "\($0)/key.pem"] } ?? [])
        program.change { $0 = next }
        try next.line(containing: "listening on")
    }

    /// What the instance is told.
    var settings: [String: String] {
        [
            "KINORA_S3_ENDPOINT": "http://127.0.0.1:\(port)", "KINORA_S3_BUCKET": Self.name,
            "KINORA_S3_REGION": "test-region-1", "KINORA_S3_KEY_FILE": "\(folder.path)/key",
        ]
    }

    /// Writes the file of the keys.
    func keyFile(_ accessKey: String, _ secret: String, mode: Int = 0o600) throws {
        let path = "\(folder.path)/key"
        try Data("\(accessKey)\n\(secret)\n".utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    /// Runs lines of Python with boto3's client `s3`; the bucket is `media`.
    private func ask(_ lines: String) throws -> [UInt8] {
        let client = """
            import boto3, json, sys
            from botocore.config import Config
            s3 = boto3.client("s3", region_name="test-region-1", endpoint_url="http://127.0.0.1:\(port)",
                aws_access_key_id="\(Self.accessKey)", aws_secret_access_key="\(Self.secret)",
                config=Config(proxies={}))
            """
        let finished = try run(
            try Surroundings.value("KINORA_TEST_BUCKET_PYTHON"), ["-c", "\(client)\n\(lines)"],
            environment: ["PATH": "/usr/bin:/bin"])
        guard finished.status == 0 else { throw Failed("boto3: \(finished.errors)") }
        return finished.output
    }

    /// The keys of all objects, and their types, in order.
    func objects() throws -> [(key: String, type: String)] {
        let output = try ask(
            """
            names = [item["Key"] for item in s3.list_objects_v2(Bucket="media").get("Contents", [])]
            print(json.dumps([[n, s3.head_object(Bucket="media", Key=n)["ContentType"]] for n in names]))
            """)
        return try (JSONParser.parse(output).arrayValue ?? []).map { item in
            (item.arrayValue?[0].stringValue ?? "", item.arrayValue?[1].stringValue ?? "")
        }
    }

    /// An object's bytes, as boto3 reads them.
    func bytes(of key: String) throws -> [UInt8] {
        try ask("sys.stdout.buffer.write(s3.get_object(Bucket=\"media\", Key=\"\(key)\")[\"Body\"].read())")
    }

    func delete(_ key: String) throws { _ = try ask("s3.delete_object(Bucket=\"media\", Key=\"\(key)\")") }
}
