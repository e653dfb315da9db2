internal import Core
internal import FastCGI
import Glibc

/// Answers every request to the sandbox: control, a vendor, or nobody.
struct Responder: Handler {
    let world: World
    let intake: Intake

    func handle(_ connection: Connection) {
        let started = ContinuousClock.now
        let spool = Spool(directory: intake.spoolDirectory)
        // The files of a form go with the spool, and must not go while they are still read.
        defer { withExtendedLifetime(spool) {} }
        let path: RequestPath
        do throws(KinoraError) {
            path = try RequestPath(target: connection.head.target)
        } catch {
            return connection.send(.json(["error": JSON(error.message)], status: error.code.facts.status))
        }
        let name = path.segments.first ?? ""
        if let vendor = SandboxVendors.named(name) {
            serve(vendor.facing(connection.head), connection, path, spool, since: started)
        } else if name == Control.name {
            let control = Control(world: world)
            let response = control.answer(connection.head.method, path.segments) { () throws(KinoraError) in
                try intake.body(of: connection, into: spool)
            }
            connection.send(response)
        } else {
            let places = SandboxVendors.all.map { "/\($0.name)/" } + ["/\(Control.name)"]
            let message = "Nothing is here. There are: \(places.joined(separator: ", "))."
            connection.send(.json(["error": JSON(message)], status: 404))
        }
    }

    private func serve(
        _ vendor: any SandboxVendor, _ connection: Connection, _ path: RequestPath, _ spool: Spool,
        since started: ContinuousClock.Instant
    ) {
        world.withState { $0.countRequest() }
        var strike: Strike?
        let response: Response
        do throws(KinoraError) {
            let key = try vendor.key(of: connection.head, at: world.now)
            let owner = Owner(vendor: vendor.name, key: key)  // 1 who
            let body =
                vendor.signsBodies
                ? try intake.rawJSON(of: connection) : try intake.body(of: connection, into: spool)
            let order = try vendor.order(  // 2 what
                VendorRequest(
                    head: connection.head, segments: Array(path.segments.dropFirst()), query: path.query,
                    body: body))
            strike = world.withState { $0.strike(for: order, of: owner) }  // 3 what goes wrong
            if let strike, !hold(connection, strike) { return connection.abandon() }
            if let page = strike?.fault.page {
                response = page
            } else {
                if let refusal = strike?.refusal { throw refusal }
                let id = vendor.newTaskID()  // 4 do it
                response = vendor.answer(try world.perform(order, for: owner, id: id, fault: strike?.fault))
            }
        } catch {
            response = vendor.answer(error)
        }
        let sealed = vendor.sealed(response, took: ContinuousClock.now - started)
        Delivery(world: world, connection: connection).send(sealed, struckBy: strike)  // 5 say it
    }

    /// Waits as the fault says. False when the client went away, or the sandbox stops.
    private func hold(_ connection: Connection, _ strike: Strike) -> Bool {
        guard strike.fault != .slowBody else { return true }
        guard strike.fault == .hang || strike.delaySeconds != nil else { return true }
        let deadline = strike.delaySeconds.map { ContinuousClock.now + .seconds($0) }
        while deadline.map({ ContinuousClock.now < $0 }) ?? true {
            if connection.isClientGone || world.isStopping { return false }
            usleep(10_000)
        }
        return true
    }
}

extension Strike {
    /// The error that the vendor answers instead of doing anything.
    var refusal: KinoraError? {
        switch fault {
        case .rateLimit: KinoraError(.upstreamRate, retryAfterSeconds: retryAfterSeconds)
        case .concurrency: KinoraError(.upstreamConcurrency, retryAfterSeconds: retryAfterSeconds)
        case .insufficientQuota: KinoraError(.upstreamMoney)
        case .serverError: KinoraError(.upstreamServer)
        case .unavailable: KinoraError(.shuttingDown, retryAfterSeconds: retryAfterSeconds)
        case .contentRefusal: KinoraError(.contentRefused)
        case .wrongKey: KinoraError(.invalidKey)
        case .modelClosed: KinoraError(.upstreamModelClosed)
        case .notFound: KinoraError(.taskNotFound)
        case .emptyResult: KinoraError(.contentNotFound)
        default: nil
        }
    }
}

extension Fault {
    /// The HTML page of something that stands before the vendor.
    fileprivate var page: Response? {
        switch self {
        case .badGateway: Self.page(502, "502 Bad Gateway")
        case .html: Self.page(200, "We will be back soon")
        default: nil
        }
    }

    private static func page(_ status: Int, _ title: String) -> Response {
        let text =
            "<html>\r\n<head><title>\(title)</title></head>\r\n<body><h1>\(title)</h1></body>\r\n</html>\r\n"
        return Response(status: status, headers: [("Content-Type", "text/html")], body: Array(text.utf8))
    }
}
