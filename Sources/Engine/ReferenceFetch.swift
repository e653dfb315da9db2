import Core
import Glibc
import Upstream

/// Fetches media that a client names by its address. Where it may lead is decided after name resolution, by
/// the transport's own guard, for every hop.
final class ReferenceFetch: Sendable {
    private let transport: any Transport
    private let spool: MediaSpool
    private let places = UserPlaces(Limits.referenceFetchesMax, perUser: Limits.referenceFetchesPerUserMax)
    private static let hopsMax = 3

    init(_ transport: any Transport, _ spool: MediaSpool) {
        self.transport = transport
        self.spool = spool
    }

    /// A new file of the spool with the bytes, for a user; the caller removes it. Throws `invalidValue`,
    /// `addressRefused` or `bodyTooLarge` for the client, and `queueFull` when too many are on their way.
    func file(
        from url: String, for user: Int64, field: String, bytesMax: Int
    ) throws(KinoraError) -> String {
        guard url.unicodeScalars.count <= Limits.addressCharactersMax, WebAddress.isWeb(url) else {
            throw KinoraError(.invalidValue, "'\(field)' must be an http or https address.", field: field)
        }
        guard places.enter(user) else {
            throw KinoraError(
                .queueFull, "Too many references are being fetched, please try again later",
                retryAfterSeconds: 2)
        }
        defer { places.leave(user) }
        let path = spool.newPath()
        do throws(KinoraError) {
            try fetch(url, to: path, field: field, bytesMax: bytesMax)
            return path
        } catch {
            unlink(path)
            throw error
        }
    }

    private func fetch(
        _ url: String, to path: String, field: String, bytesMax: Int
    ) throws(KinoraError) {
        let deadline = ContinuousClock.now + .seconds(Limits.referenceFetchSecondsMax)
        var url = url
        for _ in 0...Self.hopsMax {
            let left = Int(ContinuousClock.now.duration(to: deadline).inSeconds)
            guard left > 0 else { break }
            let call = HTTPCall(.get, url, timeoutSeconds: left)
            // Nobody's key goes there.
            let nobody = VendorAccount(row: 0, baseURL: url, credential: Secret(""))
            let reply: HTTPReply
            do {
                reply = try transport.answer(
                    to: call, from: nobody, into: .file(path: path, bytesMax: bytesMax)
                ).get()
            } catch {
                throw Self.refusal(of: error.error, field: field, bytesMax: bytesMax)
            }
            if reply.status == 200 {
                guard reply.fileBytes > 0 else { throw Self.unfetched(field, "it is empty") }
                return
            }
            guard [301, 302, 303, 307, 308].contains(reply.status), let location = reply.headers["location"]
            else { throw Self.unfetched(field, "the server answered \(reply.status)") }
            guard let target = WebAddress.target(of: location, from: url) else {
                throw Self.unfetched(field, "it leads elsewhere without https")
            }
            url = target
            unlink(path)
        }
        throw Self.unfetched(field, "it leads on too often, or takes too long")
    }

    private static func unfetched(_ field: String, _ why: String) -> KinoraError {
        KinoraError(.invalidValue, "'\(field)' could not be fetched: \(why).", field: field)
    }

    /// What went wrong, in words for whoever named the address.
    private static func refusal(of error: KinoraError, field: String, bytesMax: Int) -> KinoraError {
        switch error.code {
        case .addressRefused:
            KinoraError(
                .addressRefused, "'\(field)' leads to an address that is not allowed.", field: field,
                detail: error.detail)
        // All that the transport itself finds wrong with a reply is its length.
        case .upstreamProtocol: KinoraError.tooLarge(field, bytesMax)
        default:
            KinoraError(
                .invalidValue, "'\(field)' could not be fetched: the server cannot be reached.", field: field,
                detail: error.detail)
        }
    }
}

extension KinoraError {
    /// The same of a call to an account: its address is the operator's, and no matter of the request.
    var ofAccountsAddress: KinoraError {
        guard code == .addressRefused else { return self }
        return KinoraError(.upstreamUnreachable, detail: "\(Self.addressAdvice): \(detail)")
    }

    private static let addressAdvice = "not allowed, unless KINORA_EGRESS_ALLOW has it"

    /// Some vendors' limits are no whole number of MiB: 4.7.
    static func tooLarge(_ field: String, _ bytesMax: Int) -> KinoraError {
        let tenths = (bytesMax * 10 + (1 << 19)) >> 20
        let size = tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
        return KinoraError(.bodyTooLarge, "'\(field)' is larger than \(size) MiB.", field: field)
    }
}
