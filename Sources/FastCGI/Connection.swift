import CFastCGI
import Glibc
public import Core

/// One request and the way to answer it. Used by one thread, and only until the handler returns.
public final class Connection: Incoming {
    private let slot: RequestSlot
    public let head: RequestHead
    private var bytesRead = 0
    private var isAtEnd = false
    private var isBroken = false

    init(slot: RequestSlot, copiesAllHeaders: Bool) {
        self.slot = slot
        head = RequestHead(environment: slot.request.pointee.envp, copiesAllHeaders: copiesAllHeaders)
    }

    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(KinoraError) -> Int {
        guard !isAtEnd else { return 0 }
        let stream = slot.request.pointee.in
        let room = Int32(clamping: buffer.count)
        let count = FCGX_GetStr(buffer.assumingMemoryBound(to: CChar.self).baseAddress, room, stream)
        bytesRead += Int(count)
        if count < room {
            isAtEnd = true
            let expected = head.contentLengthBytes ?? 0
            if FCGX_GetError(stream) != 0 || bytesRead < expected {
                isBroken = true
                throw KinoraError(
                    .clientGone, detail: "the body ended after \(bytesRead) of \(expected) bytes")
            }
        }
        return Int(count)
    }

    /// Sends the head and, unless the method is HEAD, the body.
    public func send(_ response: Response) {
        // libfcgi gathers both and sends them together, as far as its buffer reaches.
        guard begin(response), head.method != .head, write(response.body) else { return }
        for piece in response.pieces {
            switch piece {
            case .bytes(let bytes): if !write(bytes) { return }
            // What is half sent can only be cut off.
            case .base64(let file): if !writeBase64(file) { return abandon() }
            }
        }
    }

    /// False when not all of it could be read and written.
    private func writeBase64(_ file: any LocalFile) -> Bool {
        let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // A whole number of three bytes: only the last piece has padding.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 96 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var left = file.bytes
        while left > 0 {
            var filled = 0
            let wanted = min(buffer.count, Int(left))
            while filled < wanted {
                let count = Glibc.read(descriptor, buffer.baseAddress! + filled, wanted - filled)
                guard count > 0 else { return false }
                filled += count
            }
            left -= Int64(filled)
            guard write(Base64.encodedBytes(UnsafeRawBufferPointer(rebasing: buffer[..<filled]))) else {
                return false
            }
        }
        return true
    }

    /// Sends the head of a response whose body follows in pieces by `stream`.
    public func begin(_ response: Response) -> Bool {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(500)
        appendHead(of: response, into: &bytes)
        return write(bytes)
    }

    /// Sends bytes at once, without waiting for more. False when the client is gone: then stop.
    public func stream(_ bytes: [UInt8]) -> Bool {
        write(bytes) && FCGX_FFlush(slot.request.pointee.out) == 0 && !isClientGone
    }

    /// Whether the peer hung up. nginx never sends an abort record; it closes the connection.
    public var isClientGone: Bool {
        let ends = Int16(KN_POLLRDHUP) | Int16(POLLHUP) | Int16(POLLERR)
        var item = pollfd(fd: slot.request.pointee.ipcFd, events: Int16(KN_POLLRDHUP), revents: 0)
        return poll(&item, 1, 0) > 0 && item.revents & ends != 0
    }

    public var hangUp: Int32? { slot.request.pointee.ipcFd }

    /// Breaks the connection off without an answer, as a failing server would. For the sandbox's faults.
    public func abandon() {
        isBroken = true
        shutdown(slot.request.pointee.ipcFd, Int32(SHUT_RDWR))
    }

    private func write(_ bytes: [UInt8]) -> Bool {
        let written = bytes.withUnsafeBytes { buffer in
            FCGX_PutStr(
                buffer.assumingMemoryBound(to: CChar.self).baseAddress, Int32(clamping: buffer.count),
                slot.request.pointee.out)
        }
        if written < 0 { isBroken = true }
        return written >= 0
    }

    private func appendHead(of response: Response, into bytes: inout [UInt8]) {
        func append(_ name: String, _ value: String) {
            bytes.append(contentsOf: name.utf8)
            bytes.append(contentsOf: ": ".utf8)
            let start = bytes.count
            bytes.append(contentsOf: value.utf8)
            // A line break in a value would start a header of the caller's choosing.
            let isOneLine = !bytes[start...].contains { $0 == 0x0D || $0 == 0x0A }
            precondition(isOneLine, "line break in header \(name)")
            bytes.append(contentsOf: "\r\n".utf8)
        }
        append("Status", String(response.status))
        for (name, value) in response.headers { append(name, value) }
        if let file = response.internalFile { append("X-Accel-Redirect", file) }
        bytes.append(contentsOf: "\r\n".utf8)
    }

    /// Drains what is left of the body. False when the connection cannot carry another request: bytes that
    /// stay unread would be taken for the next request's records.
    func finish() -> Bool {
        guard !isBroken else { return false }
        var drained = 0
        // On the stack, for which this is small enough: most requests have nothing to drain.
        withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { buffer in
            while !isAtEnd, drained <= Limits.drainBytesMax, let count = try? read(into: buffer) {
                drained += count
            }
        }
        return isAtEnd && !isBroken
    }
}
