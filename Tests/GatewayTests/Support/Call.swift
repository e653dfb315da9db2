import Core

/// One HTTP request, for whichever doorway.
struct Call: Sendable {
    var method: String
    /// Path and query, as they go over the wire.
    var target: String
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    init(_ method: String, _ target: String) {
        self.method = method
        self.target = target
    }

    static func get(_ target: String) -> Call { Call("GET", target) }
    static func delete(_ target: String) -> Call { Call("DELETE", target) }

    static func post(_ target: String, json: JSON) -> Call {
        post(target, json.serialized(), type: "application/json")
    }

    static func post(_ target: String, _ body: [UInt8], type: String) -> Call {
        var call = Call("POST", target).with("Content-Type", type)
        call.body = body
        return call
    }

    static func post(_ target: String, form fields: [(String, String)], files: [FormFile] = []) -> Call {
        post(target, multipart(fields, files: files), type: "multipart/form-data; boundary=b")
    }

    func with(_ name: String, _ value: String) -> Call {
        var copy = self
        copy.headers.append((name, value))
        return copy
    }

    func key(_ key: String) -> Call { with("Authorization", "Bearer \(key)") }
}

struct FormFile: Sendable {
    let field: String
    var name = "picture.png"
    var type = "image/png"
    let bytes: [UInt8]
}

func multipart(_ fields: [(String, String)], files: [FormFile] = []) -> [UInt8] {
    var body: [UInt8] = []
    for (name, value) in fields {
        body += Array("--b\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8)
    }
    for file in files {
        let disposition = "form-data; name=\"\(file.field)\"; filename=\"\(file.name)\""
        body += Array("--b\r\nContent-Disposition: \(disposition)\r\nContent-Type: \(file.type)\r\n\r\n".utf8)
        body += file.bytes + Array("\r\n".utf8)
    }
    return body + Array("--b--\r\n".utf8)
}

/// One HTTP answer.
struct Reply: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// As the status line says, such as `HTTP/2`; empty where there was none.
    var version = ""

    /// The only value of a header, names in any case; nil when it is missing or sent more than once.
    subscript(_ name: String) -> String? {
        let values = all(name)
        return values.count == 1 ? values[0] : nil
    }

    func all(_ name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    var text: String { String(decoding: body, as: UTF8.self) }
    /// The body; null when it is no JSON.
    var json: JSON { (try? JSONParser.parse(body)) ?? .null }
    var id: String { json["id"]?.stringValue ?? "" }
    var errorCode: String? { json["error"]?["code"]?.stringValue }
    var errorField: String? { json["error"]?["param"]?.stringValue }
    var errorMessage: String { json["error"]?["message"]?.stringValue ?? "" }
}
