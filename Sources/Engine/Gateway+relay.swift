import Core
import Upstream

extension Gateway {
    /// Passes a request on to an account of its model, and the answer back. A chat with a model of media is a
    /// task.
    func relay(
        _ request: RelayRequest, for caller: Caller, _ patience: Patience
    ) throws(KinoraError) -> Outcome {
        let model = try model(for: request, caller)
        if let submission = try media(of: request, with: model) {
            guard patience.mayWait else { return .needsPatience }
            return try chat(request, about: submission, model, for: caller, patience)
        }
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

    /// The media that a request is for; nil: it is for text, and goes on as it is.
    func media(of request: RelayRequest, with model: Model) throws(KinoraError) -> Submission? {
        if let kind = MediaKind(rawValue: model.kind), let read = request.asMedia { return try read(kind) }
        guard model.kind == request.kind.rawValue else {
            throw KinoraError(
                .invalidValue,
                "Model '\(model.id)' is a model of kind \(model.kind): this is for \(request.kind.rawValue).",
                field: "model", value: model.id)
        }
        return nil
    }

    func model(for request: RelayRequest, _ caller: Caller) throws(KinoraError) -> Model {
        guard let model = cache.snapshot.models[request.model],
            caller.options.models?.contains(request.model) ?? true,
            request.family ?? model.family == model.family
        else {
            throw KinoraError.modelNotFound(request.model)
        }
        return model
    }
}
