import CCurl
public import Core

/// Calls whose replies are read while they come, on the caller's own thread. Each has a connection of its own
/// while it lasts; afterwards the connection is kept for the next call to the same place. The reader sets the
/// pace: what it does not read is not received (docs/decisions/0015-relay.md).
public final class CurlLines: Sendable {
    /// One handle of curl with its connection. Lent to one thread at a time.
    final class Line: @unchecked Sendable {
        let multi: UnsafeMutableRawPointer
        let easy: UnsafeMutableRawPointer
        /// What the calls to its place have in common is said to the handle once.
        var isSetUp = false
        /// The address of the last call, taken apart.
        private let address: OpaquePointer
        private var addressText = ""

        init?() {
            guard let multi = curl_multi_init() else { return nil }
            guard let easy = curl_easy_init() else {
                curl_multi_cleanup(multi)
                return nil
            }
            guard let address = curl_url() else {
                curl_easy_cleanup(easy)
                curl_multi_cleanup(multi)
                return nil
            }
            self.multi = multi
            self.easy = easy
            self.address = address
        }

        deinit {
            curl_easy_cleanup(easy)
            curl_multi_cleanup(multi)
            curl_url_cleanup(address)
        }

        /// Makes `url` the address of the next call. Nearly always it is that of the last one: curl takes a
        /// text apart and puts it together again for each call, at a tenth of what all of its work costs.
        func call(at url: String) {
            guard url != addressText || !isSetUp else { return }
            // One that cannot be read leaves the old address as it was. None at all is an error of the call.
            if curl_url_set(address, CURLUPART_URL, url, UInt32(CURLU_GUESS_SCHEME)) != CURLUE_OK {
                curl_url_set(address, CURLUPART_URL, nil, 0)
            }
            addressText = url
            kn_curl_set_address(easy, address)
        }
    }

    private struct State {
        /// By place, the last one used last: it is the warmest.
        var spare: [String: [Line]] = [:]
        /// Calls end then, whatever their own limits are.
        var cutOff: ContinuousClock.Instant?
    }

    /// Connections kept to one place while nobody uses them.
    private static let sparePerPlaceMax = 64

    private let options: CurlTransport.Options
    private let state = Guarded(State())

    public init(_ options: CurlTransport.Options = .init()) {
        self.options = options
        curl_global_init(Int(CURL_GLOBAL_DEFAULT))
    }

    /// Ends every call, those under way too, when that moment has come.
    public func cutOff(at moment: ContinuousClock.Instant) { state.withLock { $0.cutOff = moment } }

    var cutOff: ContinuousClock.Instant? { state.withLock { $0.cutOff } }

    /// Sends a call and waits for the head of its reply. `wanted` says whether anybody still listens. Throws
    /// when no reply comes.
    public func open(
        _ call: HTTPCall, to account: VendorAccount, within limits: LiveReply.Limits,
        while wanted: LiveReply.Wanted
    ) throws(KinoraError) -> LiveReply {
        let transfer = Transfer(call, account, .reader, options.egress) { _ in }
        try transfer.ready(at: options.clock.now)
        let place = "\(account.baseURL) \(account.proxyURL ?? "")"
        let spare = state.withLock { $0.spare[place]?.popLast() }
        guard let line = spare ?? Line() else { throw KinoraError(.internalFault, detail: "curl_multi_init") }
        line.call(at: call.url)
        if !line.isSetUp { transfer.configure(line.easy, options) }
        line.isSetUp = true
        transfer.load(line.easy)
        curl_multi_add_handle(line.multi, line.easy)
        let reply = LiveReply(self, line, transfer, place, limits, wanted)
        try reply.awaitHead()
        return reply
    }

    /// Takes back a line whose call is over. What curl remembers of a call that did not go well, such as how
    /// often it began anew, must not count for the next one.
    func give(back line: Line, to place: String, wasSmooth: Bool) {
        if !wasSmooth {
            curl_easy_reset(line.easy)
            line.isSetUp = false
        }
        state.withLock { state in
            if state.spare[place, default: []].count < Self.sparePerPlaceMax {
                state.spare[place, default: []].append(line)
            }
        }
    }
}
