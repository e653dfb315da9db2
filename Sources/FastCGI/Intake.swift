import Glibc
public import Core
import Crypto

/// Reads request bodies in bounded memory: JSON and text fields into memory, files of a form to the spool
/// directory. The files are removed with the `Spool` that holds them.
public struct Intake: Sendable {
    public let spoolDirectory: String

    public init(spoolDirectory: String) { self.spoolDirectory = spoolDirectory }

    /// Reads the body as its Content-Type says. Throws `bodyTooLarge`, `unsupportedMediaType`,
    /// `malformedRequest`, `clientGone` or `storageFailed`.
    public func body(of connection: some Incoming, into spool: Spool) throws(KinoraError) -> RequestBody {
        switch Self.mediaType(connection.head.contentType) {
        case "multipart/form-data":
            return .form(try form(of: connection, into: spool))
        case "application/x-www-form-urlencoded":
            let bytes = try bytes(of: connection, bytesMax: Limits.urlencodedBodyBytesMax)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw KinoraError(.malformedRequest, "The body is not valid UTF-8.")
            }
            return .form(Form(fields: try Query(text[...]).pairs))
        case let type where Self.jsonTypes.contains(type):
            let bytes = try bytes(of: connection)
            return bytes.isEmpty ? .none : .json(try JSONParser.parse(bytes))
        default:
            throw KinoraError(
                .unsupportedMediaType, "The body must be application/json or multipart/form-data.",
                field: "Content-Type")
        }
    }

    private static let jsonTypes = ["application/json", "", "text/plain", "text/json"]
    private static let lineTypes = ["application/jsonl", "application/x-ndjson", "application/x-jsonlines"]

    /// The same for a body that is passed on: only JSON, and nothing of it is read.
    public func rawJSON(of connection: some Incoming) throws(KinoraError) -> RequestBody {
        try raw(connection, Self.jsonTypes, "application/json")
    }

    /// JSON, line by line. Nothing of it is read.
    public func lines(of connection: some Incoming) throws(KinoraError) -> RequestBody {
        try raw(connection, Self.lineTypes + Self.jsonTypes, "application/jsonl")
    }

    private func raw(
        _ connection: some Incoming, _ types: [String], _ name: String
    ) throws(KinoraError) -> RequestBody {
        guard types.contains(Self.mediaType(connection.head.contentType)) else {
            throw KinoraError(.unsupportedMediaType, "The body must be \(name).", field: "Content-Type")
        }
        return .raw(try bytes(of: connection))
    }

    /// What a Content-Type says before its parameters, in lower case.
    private static func mediaType(_ header: String) -> String {
        if header == jsonTypes[0] { return header }
        var type = header.utf8.prefix { $0 != UInt8(ascii: ";") }.drop { $0 == UInt8(ascii: " ") }
        while type.last == UInt8(ascii: " ") { type.removeLast() }
        return String(Substring(type)).lowercased()
    }

    private func bytes(
        of connection: some Incoming, bytesMax: Int = Limits.jsonBodyBytesMax
    ) throws(KinoraError) -> [UInt8] {
        let announced = connection.head.contentLengthBytes
        guard announced ?? 0 <= bytesMax else { throw Self.tooLarge(bytesMax) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(announced ?? 0)
        try Self.chunks(of: connection, length: announced) { chunk throws(KinoraError) in
            guard bytes.count + chunk.count <= bytesMax else { throw Self.tooLarge(bytesMax) }
            bytes.append(contentsOf: chunk)
        }
        return bytes
    }

    private func form(of connection: some Incoming, into spool: Spool) throws(KinoraError) -> Form {
        let announced = connection.head.contentLengthBytes
        guard announced ?? 0 <= Limits.formBodyBytesMax else { throw Self.tooLarge(Limits.formBodyBytesMax) }
        var parser = try MultipartParser(contentType: connection.head.contentType)
        var receiver = FormReceiver(spool: spool)
        var total = 0
        try Self.chunks(of: connection, length: announced) { chunk throws(KinoraError) in
            total += chunk.count
            guard total <= Limits.formBodyBytesMax else { throw Self.tooLarge(Limits.formBodyBytesMax) }
            try parser.feed(chunk) { event throws(KinoraError) in try receiver.receive(event) }
        }
        try parser.finish()
        return receiver.form
    }

    private static let chunkBytesMax = 64 << 10

    private static func chunks(
        of connection: some Incoming, length: Int?,
        _ body: (UnsafeRawBufferPointer) throws(KinoraError) -> Void
    ) throws(KinoraError) {
        // No longer than the body: large blocks make malloc tidy up all small ones. With one byte more the
        // first read sees its end.
        let bytes = length.map { min(max($0, 0) + 1, chunkBytesMax) } ?? chunkBytesMax
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try connection.read(into: buffer)
            if count == 0 { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    private static func tooLarge(_ limit: Int) -> KinoraError {
        KinoraError(.bodyTooLarge, "The request body is larger than \(limit >> 20) MiB.")
    }
}

/// The files of one request. They are gone when the last reference to the spool is.
public final class Spool {
    private let directory: String
    private var paths: [String] = []
    private var open: Set<Int32> = []

    public init(directory: String) { self.directory = directory }

    deinit {
        // Files that a broken body left half written are open still.
        for descriptor in open { Glibc.close(descriptor) }
        for path in paths { unlink(path) }
    }

    func close(_ descriptor: Int32) {
        open.remove(descriptor)
        Glibc.close(descriptor)
    }

    /// A new, empty, private file, open for writing.
    func newFile() throws(KinoraError) -> (path: String, descriptor: Int32) {
        var template = Array("\(directory)/upload-XXXXXX".utf8CString)
        let fd = mkstemp(&template)
        guard fd >= 0 else {
            throw KinoraError(
                .storageFailed, detail: "mkstemp in \(directory): \(String(cString: strerror(errno)))")
        }
        // ffmpeg and ffprobe children must not inherit it.
        _ = fcntl(fd, F_SETFD, FD_CLOEXEC)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        paths.append(path)
        open.insert(fd)
        return (path, fd)
    }
}

/// Collects the parts of a form: text in memory, files on disk, hashed and sniffed on the way.
private struct FormReceiver {
    struct OpenFile {
        let field: String
        let path: String
        let descriptor: Int32
        var bytes = 0
        var head: [UInt8] = []
        var hash = SHA256()
        let hadName: Bool
    }

    let spool: Spool
    private(set) var form = Form()
    private var file: OpenFile?
    private var field: (name: String, bytes: [UInt8])?

    init(spool: Spool) { self.spool = spool }

    mutating func receive(_ event: MultipartEvent) throws(KinoraError) {
        switch event {
        case .began(let head): try begin(head)
        case .bytes(let bytes): try take(bytes)
        case .ended: try end()
        }
    }

    private mutating func begin(_ head: PartHead) throws(KinoraError) {
        guard let filename = head.filename else {
            field = (head.name, [])
            return
        }
        guard form.files.count < Limits.formFilesMax else {
            throw KinoraError(.malformedRequest, "The form has more than \(Limits.formFilesMax) files.")
        }
        let (path, descriptor) = try spool.newFile()
        file = OpenFile(field: head.name, path: path, descriptor: descriptor, hadName: !filename.isEmpty)
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer) throws(KinoraError) {
        if file != nil {
            file!.bytes += bytes.count
            if file!.head.count < MediaType.sniffBytes {
                file!.head.append(contentsOf: bytes.prefix(MediaType.sniffBytes))
            }
            file!.hash.update(bufferPointer: bytes)
            var rest = bytes
            while !rest.isEmpty {
                let written = Glibc.write(file!.descriptor, rest.baseAddress!, rest.count)
                guard written > 0 else {
                    throw KinoraError(.storageFailed, detail: "write: \(String(cString: strerror(errno)))")
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            }
        } else if field != nil {
            guard field!.bytes.count + bytes.count <= Limits.formFieldBytesMax else {
                throw KinoraError(
                    .bodyTooLarge, "'\(field!.name)' is larger than \(Limits.formFieldBytesMax >> 20) MiB.",
                    field: field!.name)
            }
            field!.bytes.append(contentsOf: bytes)
        }
    }

    private mutating func end() throws(KinoraError) {
        if let done = file {
            spool.close(done.descriptor)
            file = nil
            // A form without a chosen file still sends the part: no name, no bytes.
            guard done.hadName || done.bytes > 0 else { return }
            form.files.append(
                UploadedFile(
                    field: done.field, path: done.path, bytes: done.bytes,
                    sha256: Hex.text(done.hash.finalize()), mediaType: MediaType(sniffing: done.head),
                    fieldsBefore: form.fields.count))
        } else if let done = field {
            field = nil
            guard let text = String(validating: done.bytes, as: UTF8.self) else {
                throw KinoraError(.malformedRequest, "'\(done.name)' is not UTF-8 text.", field: done.name)
            }
            guard !done.bytes.contains(0) else {
                throw KinoraError(
                    .malformedRequest, "The character U+0000 is not allowed in '\(done.name)'.",
                    field: done.name)
            }
            form.fields.append((done.name, text))
        }
    }
}
