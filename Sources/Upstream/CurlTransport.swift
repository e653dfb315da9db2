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
        /// As many as a worker has calls: without HTTP/2 each needs one.
        public var connectionsMax = 1024
        public var connectionsPerHostMax = 256
        /// Longest time without a byte of a file.
        public var stallSecondsMax = 60
        /// What calls are signed by.
        public var clock: any WallClock = SystemClock()

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
            Transfer.release(handle)
            curl_easy_cleanup(handle)
        }
        spare.forEach(curl_easy_cleanup)
        curl_multi_cleanup(multi)
    }

    private func begin(_ transfer: Transfer, on handle: UnsafeMutableRawPointer) -> Bool {
        do throws(KinoraError) {
            try transfer.ready(at: options.clock.now)
        } catch {
            transfer.completion(.failure(TransportFailure(error, mayHaveArrived: false)))
            return false
        }
        guard transfer.isTimely else {
            let late = KinoraError(.queueFull, detail: Transfer.late)
            transfer.completion(.failure(TransportFailure(late, mayHaveArrived: false)))
            return false
        }
        transfer.configure(handle, options)
        kn_curl_set_string(handle, CURLOPT_URL, transfer.call.url)
        transfer.load(handle)
        curl_multi_add_handle(multi.handle, handle)
        return true
    }

    private func finish(_ handle: UnsafeMutableRawPointer, _ code: CURLcode) {
        var status = 0
        kn_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        curl_multi_remove_handle(multi.handle, handle)
        Transfer.release(handle)?.finish(code, status: status)
    }
}
