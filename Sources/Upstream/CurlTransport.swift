import CCurl
import Glibc
import Synchronization
public import Core

/// Every outgoing request, on one thread and one curl multi handle: connections are kept and shared, HTTP/2
/// streams of a host go through one connection, ten thousand calls cost no threads.
public final class CurlTransport: Transport {
    public struct Options: Sendable {
        /// Certificates to trust, as a PEM file; nil: the system's.
        public var caBundlePath: String?
        public var egress = EgressGuard()
        public var connectTimeoutSeconds = 10
        public var connectionsMax = 512
        public var connectionsPerHostMax = 64
        /// Longest time without a byte of a file.
        public var stallSecondsMax = 60

        public init() {}
    }

    /// Only curl_multi_wakeup is called from other threads; it is made for that.
    private struct Multi: @unchecked Sendable { let handle: UnsafeMutableRawPointer }

    private let options: Options
    private let multi: Multi
    /// Calls that have not begun; nil once no more are taken.
    private let queue = Mutex<[Transfer]?>([])
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)

    public init(_ options: Options) throws(KinoraError) {
        self.options = options
        curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        guard let multi = curl_multi_init() else {
            throw KinoraError(.internalFault, detail: "curl_multi_init")
        }
        self.multi = Multi(handle: multi)
        kn_curl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, options.connectionsMax)
        kn_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, options.connectionsPerHostMax)
    }

    public func start() throws(KinoraError) {
        let started = try Thread { [self] in loop() }
        thread.withLock { $0 = started }
    }

    /// Drops every call under way and every later one, without their completions.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        queue.withLock { queue in
            if queue != nil { curl_multi_wakeup(multi.handle) }
        }
        _ = thread.withLock { $0 }?.join(until: .now + .seconds(5))
    }

    public func send(
        _ call: HTTPCall, to account: VendorAccount, into sink: ReplySink,
        completion: @escaping @Sendable (Result<HTTPReply, TransportFailure>) -> Void
    ) {
        let transfer = Transfer(call, account, sink, options.egress, completion)
        queue.withLock { queue in
            guard queue != nil else { return }
            queue?.append(transfer)
            curl_multi_wakeup(multi.handle)
        }
    }

    private func loop() {
        let multi = self.multi.handle
        var spare: [UnsafeMutableRawPointer] = []
        var active: Set<UnsafeMutableRawPointer> = []
        var running: Int32 = 0
        while !isStopping.load(ordering: .acquiring) {
            let fresh = queue.withLock { queue in
                defer { queue = [] }
                return queue ?? []
            }
            for transfer in fresh {
                guard let handle = spare.popLast() ?? curl_easy_init() else {
                    let error = KinoraError(.internalFault, detail: "curl_easy_init")
                    transfer.completion(.failure(TransportFailure(error, mayHaveArrived: false)))
                    continue
                }
                if begin(transfer, on: handle) { active.insert(handle) } else { spare.append(handle) }
            }
            curl_multi_perform(multi, &running)
            var left: Int32 = 0
            while let message = curl_multi_info_read(multi, &left) {
                guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else {
                    continue
                }
                finish(handle, kn_curl_result(message))
                active.remove(handle)
                curl_easy_reset(handle)
                if spare.count < 64 { spare.append(handle) } else { curl_easy_cleanup(handle) }
            }
            curl_multi_poll(multi, nil, 0, 1000, nil)
        }
        // From here on nobody touches the handle any more.
        queue.withLock { $0 = nil }
        for handle in active {
            curl_multi_remove_handle(multi, handle)
            release(handle)
            curl_easy_cleanup(handle)
        }
        spare.forEach(curl_easy_cleanup)
        curl_multi_cleanup(multi)
    }

    private func begin(_ transfer: Transfer, on handle: UnsafeMutableRawPointer) -> Bool {
        do throws(KinoraError) {
            try transfer.call.checkHeaders()
            transfer.body = try BodyReader(transfer.call.body)
        } catch {
            transfer.completion(.failure(TransportFailure(error, mayHaveArrived: false)))
            return false
        }
        guard transfer.isTimely else {
            let late = KinoraError(.upstreamUnreachable, detail: Transfer.late)
            transfer.completion(.failure(TransportFailure(late, mayHaveArrived: false)))
            return false
        }
        configure(handle, transfer)
        let context = Unmanaged.passRetained(transfer).toOpaque()
        kn_curl_set_pointer(handle, CURLOPT_PRIVATE, context)
        for option in [
            CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_OPENSOCKETDATA,
            CURLOPT_PREREQDATA,
        ] { kn_curl_set_pointer(handle, option, context) }
        kn_curl_set_data(handle, CURLOPT_WRITEFUNCTION, Self.onBody)
        kn_curl_set_data(handle, CURLOPT_HEADERFUNCTION, Self.onHeader)
        kn_curl_set_data(handle, CURLOPT_READFUNCTION, Self.onRead)
        kn_curl_set_seek(handle, Self.onSeek)
        kn_curl_set_opensocket(handle, Self.onOpenSocket)
        kn_curl_set_prereq(handle, Self.onRequest)
        curl_multi_add_handle(multi.handle, handle)
        return true
    }

    private func configure(_ handle: UnsafeMutableRawPointer, _ transfer: Transfer) {
        let call = transfer.call
        kn_curl_set_string(handle, CURLOPT_URL, call.url)
        kn_curl_set_string(handle, CURLOPT_USERAGENT, "Kinora/\(kinoraVersion)")
        kn_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "https,http")
        kn_curl_set_string(handle, CURLOPT_PROXY, transfer.account.proxyURL ?? "")
        // Neither a proxy nor an exemption from one comes from the environment.
        kn_curl_set_string(handle, CURLOPT_NOPROXY, "")
        if let path = options.caBundlePath { kn_curl_set_string(handle, CURLOPT_CAINFO, path) }
        kn_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        kn_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT, options.connectTimeoutSeconds)
        kn_curl_set_long(handle, CURLOPT_TIMEOUT, call.timeoutSeconds)
        // A vendor may think for minutes before it answers; only a file that is on its way can stall.
        if transfer.movesFile {
            kn_curl_set_long(handle, CURLOPT_LOW_SPEED_LIMIT, 1)
            kn_curl_set_long(handle, CURLOPT_LOW_SPEED_TIME, options.stallSecondsMax)
        }
        kn_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        // Rather share a connection than open another. Without TLS curl learns only from the first reply that
        // it cannot be shared, and every other call would wait for it.
        kn_curl_set_long(handle, CURLOPT_PIPEWAIT, call.url.hasPrefix("https:") ? 1 : 0)
        kn_curl_set_long(handle, CURLOPT_TCP_NODELAY, 1)
        var headers = call.headers.map { "\($0.name): \($0.value.revealed())" }
        if let body = transfer.body {
            headers.append("Content-Type: \(body.contentType ?? "")")
            // Waiting for "100 Continue" costs a round trip that no vendor answers.
            headers.append("Expect:")
            kn_curl_set_long(handle, CURLOPT_POST, 1)
            kn_curl_set_large(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.length))
        }
        if call.method == .head {
            // By its name alone curl would wait for the body that the headers speak of.
            kn_curl_set_long(handle, CURLOPT_NOBODY, 1)
        } else if call.method != .get, call.method != .post || transfer.body == nil {
            kn_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, call.method.rawValue)
        }
        for header in headers { transfer.headerList = curl_slist_append(transfer.headerList, header) }
        kn_curl_set_slist(handle, CURLOPT_HTTPHEADER, transfer.headerList)
    }

    private func finish(_ handle: UnsafeMutableRawPointer, _ code: CURLcode) {
        var status = 0
        kn_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        curl_multi_remove_handle(multi.handle, handle)
        release(handle)?.finish(code, status: status)
    }

    @discardableResult
    private func release(_ handle: UnsafeMutableRawPointer) -> Transfer? {
        var context: UnsafeMutablePointer<CChar>?
        kn_curl_get_pointer(handle, &context)
        return context.map { Unmanaged<Transfer>.fromOpaque($0).takeRetainedValue() }
    }

    private static let onBody: kn_curl_data = { bytes, size, count, context in
        let length = size * count
        return Transfer.from(context).takeBody(UnsafeRawBufferPointer(start: bytes, count: length))
            ? length : 0
    }

    private static let onHeader: kn_curl_data = { bytes, size, count, context in
        Transfer.from(context).takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
        return size * count
    }

    private static let onRead: kn_curl_data = { bytes, size, count, context in
        let buffer = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
        return Transfer.from(context).readBody(into: buffer) ?? Int(CURL_READFUNC_ABORT)
    }

    private static let onSeek: kn_curl_seek = { context, _, _ in
        Transfer.from(context).rewind() ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL
    }

    private static let onRequest: curl_prereq_callback = { context, _, _, _, _ in
        Transfer.from(context).mayBeginRequest() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
    }

    private static let onOpenSocket: curl_opensocket_callback = { context, _, address in
        guard let address else { return CURL_SOCKET_BAD }
        let isAllowed = withUnsafePointer(to: &address.pointee.addr) {
            Transfer.from(context).allowsConnection(to: $0)
        }
        guard isAllowed else { return CURL_SOCKET_BAD }
        return socket(
            address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue),
            address.pointee.`protocol`)
    }
}
