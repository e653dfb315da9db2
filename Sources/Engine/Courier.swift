public import Core
public import Store
import Synchronization
public import Upstream

/// Tells receivers how tasks ended. What is to be told stands in the table `webhook_delivery`, written with
/// the end of the task: nothing is lost with this process, and a message whose answer was not written down is
/// sent again under the same id. One thread claims, sends and writes; answers come from the transport.
public final class Courier: Sendable {
    private struct Answer: Sendable {
        let delivery: WebhookDelivery
        let result: Result<HTTPReply, TransportFailure>
    }

    private let store: Store
    private let vault: Vault
    private let transport: any Transport
    private let clock: any WallClock
    private let events: any EventSink
    private let pollInterval: Duration

    private let answers = Mutex<[Answer]>([])
    /// Something may have to be done: an answer, a task that ended, a stop.
    private let signal = Signal()
    /// Messages under way of each endpoint. Changed by the thread only.
    let underWay = Mutex<[Int64: Int]>([:])
    /// Whether somebody wants to be told anything: otherwise the end of a task costs nothing here.
    private let hasEndpoints = Atomic<Bool>(false)
    private let isDraining = Atomic<Bool>(false)
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)

    /// `pollInterval` is the longest rest between two looks into the table.
    public init(
        store: Store, vault: Vault, transport: any Transport, clock: any WallClock, events: any EventSink,
        pollInterval: Duration = .seconds(Limits.heartbeatSeconds)
    ) {
        self.store = store
        self.vault = vault
        self.transport = transport
        self.clock = clock
        self.events = events
        self.pollInterval = pollInterval
    }

    public func start() throws(KinoraError) {
        let started = try Thread { [self] in loop() }
        thread.withLock { $0 = started }
    }

    /// A task of this process ended. What others end is found by looking.
    public func noteFinished() {
        if hasEndpoints.load(ordering: .relaxed) { signal.raise() }
    }

    /// Sends nothing new, and waits a moment for answers. One that comes too late is asked for again.
    public func stop(within limit: Duration = .seconds(2)) {
        isDraining.store(true, ordering: .releasing)
        let deadline = ContinuousClock.now + limit
        let pause = Signal()
        while underWay.withLock({ !$0.isEmpty }), ContinuousClock.now < deadline {
            _ = pause.wait(for: .milliseconds(20))
        }
        isStopping.store(true, ordering: .releasing)
        signal.raise()
        _ = thread.withLock { $0 }?.join(until: .now + .seconds(2))
    }

    /// Looks follow one another at this distance at least, however fast tasks end.
    private static let pace = Duration.milliseconds(25)

    private func loop() {
        let pause = Signal()
        while !isStopping.load(ordering: .acquiring) {
            var rest = pollInterval
            do throws(KinoraError) {
                try settle()
                if !isDraining.load(ordering: .acquiring) { rest = try deliver() }
            } catch {
                events.emit(error.code == .databaseAway ? .databaseLost(error) : .fault("webhooks", error))
            }
            _ = pause.wait(for: Self.pace)
            _ = signal.wait(for: rest)
        }
    }

    /// Begins what is due. Gives the time until something else is. Receivers that hang have the oldest
    /// messages, and would get every place that becomes free: from half of the places on, an endpoint has one
    /// at a time.
    private func deliver() throws(KinoraError) -> Duration {
        let held = underWay.withLock { $0 }
        let free = Limits.webhooksMax - held.values.reduce(0, +)
        guard free > 0 else { return pollInterval }
        let half = Limits.webhooksMax / 2
        let isTight = free <= half
        let each = isTight ? 1 : Limits.webhooksPerEndpointMax
        let busy = held.filter { $0.value >= each }.map(\.key)
        let (anybody, due) = try store.nextWebhook(except: busy)
        hasEndpoints.store(anybody, ordering: .relaxed)
        guard let due else { return pollInterval }
        guard due <= .zero else { return min(due, pollInterval) }
        let most = held.values.filter { $0 < each }.max() ?? 0
        let deliveries = try store.claimWebhooks(
            limit: isTight ? free : free - half, each: each - most, except: busy, lease: Self.lease)
        for delivery in deliveries { send(delivery) }
        return .zero
    }

    /// Much longer than a try may take: until then no other worker sends the message.
    private static let lease = Duration.seconds(4 * Limits.webhookSecondsMax)

    private func send(_ delivery: WebhookDelivery) {
        let endpoint = delivery.endpoint
        underWay.withLock { $0[endpoint.row, default: 0] += 1 }
        do throws(KinoraError) {
            let call = try vault.secret(of: endpoint).call(
                endpoint.url, delivery.message, at: clock.now, delivery.payload)
            let receiver = VendorAccount(
                row: endpoint.row, baseURL: endpoint.url, credential: Secret(""))
            transport.send(call, to: receiver, into: .beginning(bytesMax: Limits.webhookReplyBytesMax)) {
                [self] in note(Answer(delivery: delivery, result: $0))
            }
        } catch {
            let failure = TransportFailure(error, mayHaveArrived: false)
            note(Answer(delivery: delivery, result: .failure(failure)))
        }
    }

    private func note(_ answer: Answer) {
        answers.withLock { $0.append(answer) }
        signal.raise()
    }

    private func settle() throws(KinoraError) {
        let arrived = answers.withLock { answers in
            defer { answers = [] }
            return answers
        }
        var failure: KinoraError?
        for answer in arrived {
            do throws(KinoraError) { try settle(answer) } catch {
                // It stays claimed, and is sent again when the claim ends.
                failure = error
            }
            underWay.withLock { underWay in
                let row = answer.delivery.endpoint.row
                underWay[row, default: 1] -= 1
                if underWay[row] == 0 { underWay[row] = nil }
            }
        }
        if let failure { throw failure }
    }

    private func settle(_ answer: Answer) throws(KinoraError) {
        let delivery = answer.delivery
        let meaning = WebhookAnswer(answer.result, from: delivery.endpoint.url)
        guard let error = meaning.error else {
            return try store.webhookDelivered(delivery, status: meaning.status ?? 0)
        }
        events.emit(
            .webhookFailed(
                delivery: delivery.row, endpoint: delivery.endpoint.row, tries: delivery.tries,
                status: meaning.status, error))
        let reason = try store.webhookFailed(
            delivery,
            WebhookFailure(
                status: meaning.status, error: error.detail.isEmpty ? error.message : error.detail,
                nextTry: meaning.isGone
                    ? nil : Self.delay(after: delivery.tries, asked: meaning.retryAfterSeconds),
                isGone: meaning.isGone))
        if let reason { events.emit(.webhookDisabled(endpoint: delivery.endpoint.row, reason: reason)) }
    }

    /// Standard Webhooks' own suggestion: three days in all.
    static let delays: [Duration] = [
        .seconds(5), .seconds(5 * 60), .seconds(30 * 60), .seconds(2 * 3600), .seconds(5 * 3600),
        .seconds(10 * 3600), .seconds(14 * 3600), .seconds(20 * 3600), .seconds(24 * 3600),
    ]

    /// How long to wait after so many tries; nil when there were enough. Up to a tenth longer than the table
    /// says, so that what failed at once is not repeated at once; longer still when the receiver asks.
    static func delay(after tries: Int, asked seconds: Int?) -> Duration? {
        guard delays.indices.contains(tries - 1) else { return nil }
        let delay = delays[tries - 1] * Double.random(in: 1...1.1)
        return max(delay, .seconds(seconds ?? 0))
    }
}

extension Vault {
    /// Throws `configuration` when it does not open.
    public func secret(of endpoint: WebhookEndpoint) throws(KinoraError) -> WebhookSecret {
        let text = try open(
            endpoint.sealedSecret, table: "webhook_endpoint", row: endpoint.row, column: "secret_sealed")
        guard let secret = WebhookSecret(text) else {
            throw KinoraError(.configuration, "webhook_endpoint \(endpoint.row): its secret is malformed.")
        }
        return secret
    }

    /// Seals a secret for an endpoint.
    public func seal(_ secret: WebhookSecret, endpoint: Int64) throws(KinoraError) -> [UInt8] {
        try seal(secret.text, table: "webhook_endpoint", row: endpoint, column: "secret_sealed")
    }
}
