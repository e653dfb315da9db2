import Core
import Upstream

extension Gateway {
    /// Passes a request on to an account of its model, and the answer back.
    func relay(
        _ request: RelayRequest, for caller: Caller, _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        let model = try model(for: request, caller)
        let (ticket, allowance) = try relays.admit(request, model, caller)
        let wanted = LiveReply.Wanted(hangUp: patience.hangUp, patience.isWanted)
        do throws(KinoraError) {
            let outcome = try relays.answer(request, model, ticket, while: wanted)
            return allowance.map { .limited(outcome, $0) } ?? outcome
        } catch {
            ticket.end(used: nil, by: nil, isWhole: false)
            throw error
        }
    }

    /// Chat and embeddings of other kinds of models belong to dialects that speak of their media.
    private func model(for request: RelayRequest, _ caller: Caller) throws(KinoraError) -> Model {
        guard let model = cache.snapshot.models[request.model],
            caller.options.models?.contains(request.model) ?? true
        else {
            throw KinoraError.modelNotFound(request.model)
        }
        guard model.kind == request.kind.rawValue else {
            throw KinoraError(
                .invalidValue,
                "Model '\(model.id)' is a model of kind \(model.kind): this is for \(request.kind.rawValue).",
                field: "model", value: model.id)
        }
        return model
    }
}
