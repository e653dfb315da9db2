/// What an error says about the account that an attempt ran on. Errors of the request say nothing about it.
public enum AccountFault: String, Sendable, CaseIterable {
    /// Its credentials were refused: it works again once an operator says so.
    case credential
    /// It cannot pay: it works again once its credits have risen.
    case money
    /// It had too much to do: it rests, and is never disabled for it.
    case throttle
    /// The vendor failed or could not be reached: it rests, and enough of them in a row disable it.
    case failure
}

extension ErrorCode {
    /// Nil for what is no matter of the account: the request, the task, Kinora itself. That it has not opened
    /// one model of many says nothing about the others.
    public var accountFault: AccountFault? {
        switch self {
        case .upstreamCredential: .credential
        case .upstreamMoney: .money
        case .upstreamRate, .upstreamConcurrency: .throttle
        case .upstreamServer, .upstreamUnreachable, .upstreamProtocol: .failure
        default: nil
        }
    }
}

/// A fault to write down with the end of an attempt.
public struct Blame: Sendable, Equatable {
    public let fault: AccountFault
    /// The rest that the vendor asked for; nil when it named none.
    public let retryAfterSeconds: Int?
    /// So many failures in a row disable the account; 0: never.
    public let errorsMax: Int64

    public init(_ fault: AccountFault, retryAfterSeconds: Int? = nil, errorsMax: Int64) {
        self.fault = fault
        self.retryAfterSeconds = retryAfterSeconds
        self.errorsMax = errorsMax
    }

    /// Nil when the error does not speak against its account.
    public init?(_ error: KinoraError, errorsMax: Int64) {
        guard let fault = error.code.accountFault else { return nil }
        self.init(fault, retryAfterSeconds: error.retryAfterSeconds, errorsMax: errorsMax)
    }
}

/// What an account became by a fault.
public enum AccountFall: String, Sendable, CaseIterable {
    /// It rests.
    case cooling
    /// It gets no work until an operator enables it.
    case disabled
    /// It gets no work until it has another key or is enabled.
    case invalid
    /// It gets no work until its credits have risen or it is enabled.
    case exhausted
}
