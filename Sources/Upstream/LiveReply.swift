import CCurl
public import Core

/// A reply that is read while it comes. Used by one thread, whose reading is what makes it come.
public final class LiveReply {
    /// How long what may take.
    public struct Limits: Sendable {
        /// Until the first byte of the body.
        public var firstByte: Duration
        /// Between two bytes after that.
        public var idle: Duration
        /// The end of everything.
        public var deadline: ContinuousClock.Instant

        public init(firstByte: Duration, idle: Duration, deadline: ContinuousClock.Instant) {
            self.firstByte = firstByte
            self.idle = idle
            self.deadline = deadline
        }
    }

    /// Whether anybody still listens.
    public struct Wanted {
        /// A descriptor that becomes readable when that may have changed; nil: it is asked every second.
        let hangUp: Int32?
        let isWanted: () -> Bool

        public init(hangUp: Int32? = nil, _ isWanted: @escaping () -> Bool) {
            self.hangUp = hangUp
            self.isWanted = isWanted
        }
    }

    private let lines: CurlLines
    private var line: CurlLines.Line?
    private let transfer: Transfer
    private let place: String
    private var limits: Limits
    private let wanted: Wanted
    private let began = ContinuousClock.now
    private var lastByte: ContinuousClock.Instant?
    /// False where nothing tells of it, and once that was readable without the client being gone: it would be
    /// so for ever.
    private var heedsHangUp: Bool
    private var hasHungUp = false
    private var result: CURLcode?
    public private(set) var status = 0

    init(
        _ lines: CurlLines, _ line: CurlLines.Line, _ transfer: Transfer, _ place: String, _ limits: Limits,
        _ wanted: Wanted
    ) {
        self.lines = lines
        self.line = line
        self.transfer = transfer
        self.place = place
        self.limits = limits
        self.wanted = wanted
        heedsHangUp = wanted.hangUp != nil
    }

    deinit { close() }

    /// Lower-case names.
    public var headers: [String: String] { transfer.replyHead.headers }

    /// Throws what `next` throws, and when the call is over without a head.
    func awaitHead() throws(KinoraError) {
        try run { [self] in hasHead }
        guard hasHead else { return try finish() }
        status = currentStatus
    }

    /// A head of 1xx is followed by another one.
    private var hasHead: Bool { transfer.hasWholeHead && currentStatus >= 200 }

    private var currentStatus: Int {
        var status = 0
        if let line { kn_curl_get_long(line.easy, CURLINFO_RESPONSE_CODE, &status) }
        return status
    }

    /// The next bytes of the body; nil at its end, none when nothing has come for so long. Throws
    /// `clientGone` when nobody listens any more, `taskDeadline` or `shuttingDown` when the time is over,
    /// else what is wrong with the upstream.
    public func next(within silence: Duration? = nil) throws(KinoraError) -> [UInt8]? {
        let end = silence.map { ContinuousClock.now + $0 }
        // There may be bytes for as long as a slow reader leaves some.
        try checkDeadline(.now)
        try run(within: end) { [self] in transfer.hasArrived }
        if transfer.hasArrived { return transfer.takeArrived() }
        if line != nil, result == nil { return [] }
        try finish()
        return nil
    }

    /// The whole rest of the body. Throws `upstreamProtocol` when it is longer.
    public func rest(bytesMax: Int) throws(KinoraError) -> [UInt8] {
        var body: [UInt8] = []
        while let more = try next() {
            guard body.count + more.count <= bytesMax else {
                throw KinoraError(.upstreamProtocol, detail: "the reply is longer than \(bytesMax) bytes")
            }
            // Most come in one piece.
            if body.isEmpty { body = more } else { body.append(contentsOf: more) }
        }
        return body
    }

    /// The reply with that for its body: what was read of it.
    public func whole(_ body: [UInt8]) -> HTTPReply {
        HTTPReply(status: status, transfer.replyHead, body: body, to: transfer.account.credential)
    }

    /// An error without the credential that its words may quote.
    public func blotted(_ error: KinoraError) -> KinoraError {
        error.replacing(transfer.account.credential)
    }

    /// Waits a moment for the end of a body of which nothing more is wanted: a connection that has come to
    /// its end can be used again.
    public func drain() throws(KinoraError) {
        let end = ContinuousClock.now + .milliseconds(100)
        while line != nil, result == nil, ContinuousClock.now < end {
            _ = transfer.takeArrived()
            limits.deadline = min(limits.deadline, end)
            try run { [self] in transfer.hasArrived }
        }
        close()
    }

    /// Ends the call: in the middle by ending its connection.
    public func close() {
        guard let line else { return }
        self.line = nil
        curl_multi_remove_handle(line.multi, line.easy)
        Transfer.release(line.easy)
        lines.give(back: line, to: place, wasSmooth: result == CURLE_OK && transfer.wasSmooth)
    }

    /// Lets curl work until there is enough, the call is over, or `end` has come.
    private func run(
        within end: ContinuousClock.Instant? = nil, until isEnough: () -> Bool
    ) throws(KinoraError) {
        while let line, result == nil, !isEnough() {
            var running: Int32 = 0
            curl_multi_perform(line.multi, &running)
            var left: Int32 = 0
            if let message = curl_multi_info_read(line.multi, &left), message.pointee.msg == CURLMSG_DONE {
                result = kn_curl_result(message)
            }
            let now = ContinuousClock.now
            if transfer.hasArrived { lastByte = now }
            if result != nil || isEnough() { return }
            let limit = try nextLimit(now)
            if let end, end <= now { return }
            wait(on: line, until: end.map { min($0, limit) } ?? limit, now)
        }
    }

    /// The call is over; throws when it failed.
    private func finish() throws(KinoraError) {
        guard line != nil, let result else { return }
        let failure = transfer.end(result)
        close()
        guard let failure else { return }
        // Who gets to look only when the call's own time is over as well.
        guard ContinuousClock.now < limits.deadline else { throw Self.tooLong }
        throw failure.error
    }

    /// When the next look must be taken. Throws when a limit was reached.
    private func nextLimit(_ now: ContinuousClock.Instant) throws(KinoraError) -> ContinuousClock.Instant {
        // Where waiting tells of it, asking as well would be a system call for nothing.
        guard heedsHangUp ? !hasHungUp : wanted.isWanted() else {
            throw givingUp(KinoraError(.clientGone, detail: "while it was answered"))
        }
        try checkDeadline(now)
        let silence = lastByte.map { $0 + limits.idle } ?? began + limits.firstByte
        guard now < silence else {
            let what = lastByte == nil ? "no answer began in time" : "the answer came to a halt"
            throw givingUp(KinoraError(.upstreamUnreachable, detail: "\(transfer.call.place): \(what)"))
        }
        return min(silence, limits.deadline, now + .seconds(1))
    }

    private func checkDeadline(_ now: ContinuousClock.Instant) throws(KinoraError) {
        guard line != nil, result == nil else { return }
        if let moment = lines.cutOff, moment <= now { throw givingUp(KinoraError(.shuttingDown)) }
        guard now < limits.deadline else {
            throw givingUp(Self.tooLong)
        }
    }

    private static let tooLong = KinoraError(.taskDeadline, "The answer took too long.")

    private func givingUp(_ error: KinoraError) -> KinoraError {
        close()
        return error
    }

    private func wait(
        on line: CurlLines.Line, until end: ContinuousClock.Instant, _ now: ContinuousClock.Instant
    ) {
        let milliseconds = Int32(clamping: now.duration(to: end).microseconds / 1000 + 1)
        guard heedsHangUp, let descriptor = wanted.hangUp else {
            curl_multi_poll(line.multi, nil, 0, milliseconds, nil)
            return
        }
        var extra = curl_waitfd(fd: descriptor, events: Int16(CURL_WAIT_POLLIN), revents: 0)
        curl_multi_poll(line.multi, &extra, 1, milliseconds, nil)
        guard extra.revents != 0 else { return }
        hasHungUp = !wanted.isWanted()
        heedsHangUp = hasHungUp
    }
}
