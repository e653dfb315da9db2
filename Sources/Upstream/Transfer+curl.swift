import CCurl
import Glibc
import Core

/// How a call is put to curl, and what curl asks while it is on its way.
extension Transfer {
    /// Tells a handle of curl what the calls to one place through one sink have in common.
    func configure(_ handle: UnsafeMutableRawPointer, _ options: CurlTransport.Options) {
        kn_curl_set_string(handle, CURLOPT_USERAGENT, "Kinora/\(kinoraVersion)")
        kn_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "https,http")
        kn_curl_set_string(handle, CURLOPT_PROXY, account.proxyURL ?? "")
        // Neither a proxy nor an exemption from one comes from the environment.
        kn_curl_set_string(handle, CURLOPT_NOPROXY, "")
        if let path = options.caBundlePath { kn_curl_set_string(handle, CURLOPT_CAINFO, path) }
        kn_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        // The thread that asks for a name's addresses is let go when a call is over: curl would wait for a
        // name server that does not answer, and every other call with it.
        kn_curl_set_long(handle, CURLOPT_QUICK_EXIT, 1)
        kn_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT, options.connectTimeoutSeconds)
        kn_curl_set_long(handle, CURLOPT_LOW_SPEED_TIME, options.stallSecondsMax)
        if case .reader = sink {
            // A connection of its own: ending it is how the vendor surely learns that nobody listens.
            kn_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
            kn_curl_set_long(handle, CURLOPT_UPLOAD_BUFFERSIZE, 16 << 10)
        } else {
            kn_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        }
        kn_curl_set_long(handle, CURLOPT_TCP_NODELAY, 1)
        kn_curl_set_data(handle, CURLOPT_WRITEFUNCTION, Self.onBody)
        kn_curl_set_data(handle, CURLOPT_HEADERFUNCTION, Self.onHeader)
        kn_curl_set_data(handle, CURLOPT_READFUNCTION, Self.onRead)
        kn_curl_set_seek(handle, Self.onSeek)
        kn_curl_set_opensocket(handle, Self.onOpenSocket)
        kn_curl_set_prereq(handle, Self.onRequest)
    }

    /// Gives the call, but for its address, to a handle that was configured and may have carried another one.
    /// The handle holds the transfer until `release`.
    func load(_ handle: UnsafeMutableRawPointer) {
        kn_curl_set_long(handle, CURLOPT_TIMEOUT, call.timeoutSeconds)
        // A vendor may think for minutes before it answers; only a file that is on its way can stall.
        kn_curl_set_long(handle, CURLOPT_LOW_SPEED_LIMIT, movesFile ? 1 : 0)
        // Rather share a connection than open another. Without TLS curl learns only from the first reply that
        // it cannot be shared, and every other call would wait for it.
        kn_curl_set_long(handle, CURLOPT_PIPEWAIT, call.url.utf8.starts(with: "https:".utf8) ? 1 : 0)
        for (name, value) in call.headers { addHeader(name, value.revealed()) }
        loadBody(handle)
        kn_curl_set_slist(handle, CURLOPT_HTTPHEADER, headerList)
        let context = Unmanaged.passRetained(self).toOpaque()
        kn_curl_set_pointer(handle, CURLOPT_PRIVATE, context)
        for option in [
            CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_OPENSOCKETDATA,
            CURLOPT_PREREQDATA,
        ] { kn_curl_set_pointer(handle, option, context) }
    }

    private func addHeader(_ name: String, _ value: String) {
        var line: [UInt8] = []
        line.reserveCapacity(name.utf8.count + value.utf8.count + 3)
        line.append(contentsOf: name.utf8)
        line.append(contentsOf: ": ".utf8)
        line.append(contentsOf: value.utf8)
        line.append(0)
        headerList = line.withUnsafeBytes {
            curl_slist_append(headerList, $0.assumingMemoryBound(to: CChar.self).baseAddress)
        }
    }

    /// Says what is sent, and how.
    private func loadBody(_ handle: UnsafeMutableRawPointer) {
        if let body {
            addHeader("Content-Type", body.contentType ?? "")
            kn_curl_set_large(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.length))
            // Leaves together with the headers; what is read piece by piece follows them.
            if let bytes = body.short {
                bytes.withUnsafeBytes {
                    let start = UnsafeMutableRawPointer(mutating: $0.baseAddress)
                    _ = kn_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, start)
                }
            } else {
                kn_curl_set_pointer(handle, CURLOPT_POSTFIELDS, nil)
                // Waiting for "100 Continue" costs a round trip that no vendor answers.
                headerList = curl_slist_append(headerList, "Expect:")
            }
            kn_curl_set_long(handle, CURLOPT_POST, 1)
        } else {
            kn_curl_set_long(handle, CURLOPT_HTTPGET, 1)
        }
        // By its name alone curl would wait for the body that the headers of a HEAD's reply speak of.
        if call.method == .head { kn_curl_set_long(handle, CURLOPT_NOBODY, 1) }
        let isUsual = call.method == .get || call.method == .head || call.method == .post && body != nil
        kn_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, isUsual ? nil : call.method.rawValue)
    }

    /// Takes the transfer off its handle.
    @discardableResult
    static func release(_ handle: UnsafeMutableRawPointer) -> Transfer? {
        var context: UnsafeMutablePointer<CChar>?
        kn_curl_get_pointer(handle, &context)
        // The list is the transfer's, and goes with it.
        kn_curl_set_slist(handle, CURLOPT_HTTPHEADER, nil)
        // Nor does a handle that rests keep what a client has sent.
        kn_curl_set_pointer(handle, CURLOPT_POSTFIELDS, nil)
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
