public import Core
public import Store
public import Upstream

/// What a vendor said when it was asked about an account.
public struct AccountFinding: Sendable {
    public let account: NamedAccount
    /// How long the vendor took.
    public let latency: Duration
    /// Why it could not be found out; nil: the account is well.
    public let error: KinoraError?
    /// The credit that was read, in micro-units; nil: none was asked for, or it is without limit.
    public let creditsMicros: Int64?
}

/// Asks vendors about accounts, through the transport and the proxy that their tasks use. What was found is
/// written with the account, and changes nothing else of it but its credit.
public struct AccountInspection: Sendable {
    private let store: Store
    private let vault: Vault
    private let transport: any Transport
    private let events: any EventSink

    public init(store: Store, vault: Vault, transport: any Transport, events: any EventSink) {
        self.store = store
        self.vault = vault
        self.transport = transport
        self.events = events
    }

    /// Asks something cheap and harmless. Throws what is not the vendor's doing.
    public func test(_ account: NamedAccount) throws(KinoraError) -> AccountFinding {
        let finding = find(account) { vendor, opened throws(KinoraError) in
            try vendor.probed(try reply(to: vendor.probe(opened), opened))
            return nil
        }
        try store.checked(account: account.account.row, error: finding.error)
        return finding
    }

    /// Reads what credit the account has left. A vendor that does not tell is found `unsupportedByVendor`,
    /// which is no fault of the account.
    public func refresh(_ account: NamedAccount) throws(KinoraError) -> AccountFinding {
        let finding = find(account) { vendor, opened throws(KinoraError) in
            let calls = vendor.balance(opened, at: SystemClock().now)
            guard !calls.isEmpty else {
                throw KinoraError(.unsupportedByVendor, "The vendor does not tell what credit it has.")
            }
            var replies: [HTTPReply] = []
            for call in calls { replies.append(try reply(to: call, opened)) }
            return try vendor.credits(replies)
        }
        let row = account.account.row
        if let error = finding.error {
            if error.code == .unsupportedByVendor {
                try store.noteUntoldCredits(of: row)
            } else {
                try store.checked(account: row, error: error)
            }
            return finding
        }
        let lowest = NumberSetting.lowCreditThreshold.value(in: try store.settings()) * 1_000_000
        if try store.setCredits(finding.creditsMicros, account: row, lowest: lowest) {
            events.emit(.creditLow(account: row, creditsMicros: finding.creditsMicros ?? 0))
        }
        return finding
    }

    /// Refreshes one account after the other, with a random pause of some seconds between two: vendors take
    /// many accounts that ask at the same moment for one robot. `pause` waits.
    public func refreshAll(
        pause: (Duration) -> Void, report: (AccountFinding) -> Void
    ) throws(KinoraError) {
        for (index, account) in try store.openAccounts().enumerated() {
            if index > 0 { pause(Self.pause()) }
            report(try refresh(account))
        }
    }

    /// Between two accounts.
    public static func pause() -> Duration { .milliseconds(Int64.random(in: 3000...8000)) }

    private func find(
        _ account: NamedAccount,
        _ ask: (any Vendor, VendorAccount) throws(KinoraError) -> Int64?
    ) -> AccountFinding {
        let start = ContinuousClock.now
        var credential = Secret("")
        var credits: Int64?
        var failure: KinoraError?
        do throws(KinoraError) {
            let vendor = try Vendors.named(account.account.vendor)
            let opened = try vault.opened(account.account)
            credential = opened.credential
            credits = try ask(vendor, opened)
        } catch {
            // A vendor's words may quote the key that they refuse.
            failure = credential.isEmpty ? error : error.replacing(credential)
        }
        return AccountFinding(
            account: account, latency: start.duration(to: .now), error: failure, creditsMicros: credits)
    }

    private func reply(to call: HTTPCall, _ account: VendorAccount) throws(KinoraError) -> HTTPReply {
        let sink = ReplySink.memory(bytesMax: Limits.vendorReplyBytesMax)
        switch transport.answer(to: call, from: account, into: sink) {
        case .success(let reply): return reply
        case .failure(let failure): throw failure.error
        }
    }
}
