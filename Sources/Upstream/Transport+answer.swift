import Core

extension Transport {
    /// Sends a call and waits for its end. For a command; never for a thread that others wait for.
    public func answer(
        to call: HTTPCall, from account: VendorAccount, into sink: ReplySink
    ) -> Result<HTTPReply, TransportFailure> {
        let result = Guarded<Result<HTTPReply, TransportFailure>?>(nil)
        let hasEnded = Signal()
        send(call, to: account, into: sink) { answer in
            result.withLock { $0 = answer }
            hasEnded.raise()
        }
        // The transport ends every call by itself; this is for one that does not.
        _ = hasEnded.wait(for: .seconds(call.timeoutSeconds + 5))
        return result.withLock { $0 }
            ?? .failure(
                TransportFailure(
                    KinoraError(.internalFault, detail: "the transport did not answer"), mayHaveArrived: true)
            )
    }
}
