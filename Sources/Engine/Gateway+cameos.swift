import Core
import Glibc
import Store
import Upstream

/// Characters, which the operator's bridge makes of videos.
extension Gateway {
    func make(_ draft: CameoDraft, for caller: Caller, _ patience: Patience) throws(KinoraError) -> Outcome {
        let line = try bridgeLine()
        guard patience.mayWait else { return .needsPatience }
        return .madeCameo(try made(draft, for: caller, line))
    }

    /// The character, made now or by an earlier request with the same key.
    func made(
        _ draft: CameoDraft, for caller: Caller, _ line: BridgeLine
    ) throws(KinoraError) -> Cameo {
        let hash = try idempotency(key: draft.idempotencyKey, draft.fingerprint)?.fingerprint
        if let hash, let first = try replay(draft.idempotencyKey, hash, caller) { return first }
        try checkModel(of: draft, caller)
        guard let account = try store.bridgeAccounts(nil, family: Self.bridgedFamily).first else {
            throw KinoraError(.accountNotFound)
        }
        guard let begun = try store.beginCameo(draft, with: account, by: caller, hash: hash) else {
            // Another request with the same key was faster by a moment.
            if let hash, let first = try replay(draft.idempotencyKey, hash, caller, isBegun: true) {
                return first
            }
            throw KinoraError(
                .forbidden, "A user may have \(Limits.cameosPerUserMax) characters: delete one first.")
        }
        do throws(KinoraError) {
            let made = try make(begun, draft, caller, line)
            guard let cameo = try store.finish(begun, as: made) else { throw KinoraError(.characterNotFound) }
            return cameo
        } catch {
            try leave(begun, error, isRepeatable: hash != nil)
            throw error.replacing(line.bridge.peer.credential)
        }
    }

    private func make(
        _ begun: BegunCameo, _ draft: CameoDraft, _ caller: Caller, _ line: BridgeLine
    ) throws(KinoraError) -> MadeCameo {
        let rule = ReferenceRule(.video, count: 1...1, bytesMax: Limits.cameoVideoBytesMax)
        let (path, media, isOurs) = try file(of: draft.video, rule, for: caller)
        defer { if isOurs { unlink(path) } }
        let call = line.bridge.creation(
            of: draft, asked: begun.uid, of: begun.account, video: (path, media.type))
        return try line.bridge.created(try line.reply(to: call, for: caller.userID))
    }

    /// What the bridge may have made all the same is asked for again, by the same request; everything else is
    /// forgotten. Who gave no key cannot ask again.
    private func leave(
        _ begun: BegunCameo, _ error: KinoraError, isRepeatable: Bool
    ) throws(KinoraError) {
        let isOpen = [.upstreamUnreachable, .upstreamProtocol, .upstreamServer, .databaseAway].contains(
            error.code)
        if isOpen, isRepeatable { try store.rest(begun) } else { try store.drop(begun) }
    }

    /// The answer of the first request with that key. `isBegun`: it is known that there was one.
    private func replay(
        _ key: String?, _ hash: [UInt8], _ caller: Caller, isBegun: Bool = false
    ) throws(KinoraError) -> Cameo? {
        guard let key, let (first, cameo) = try store.cameo(ofKey: key, by: caller) else { return nil }
        guard first == hash else { throw KinoraError(.idempotencyMismatch) }
        if cameo.state == .finalized { return cameo }
        // One that was left in the middle is begun again.
        if isBegun { throw KinoraError(.idempotencyInProgress) }
        return nil
    }

    private func checkModel(of draft: CameoDraft, _ caller: Caller) throws(KinoraError) {
        guard let id = draft.model, id != CameoDraft.usualModel else { return }
        guard let model = cache.snapshot.models[id], caller.options.models?.contains(id) ?? true,
            draft.family ?? model.family == model.family
        else { throw KinoraError.modelNotFound(id) }
        guard model.kind == MediaKind.video.rawValue else {
            throw KinoraError(
                .invalidValue, "Model '\(id)' is not one of videos.", field: "model", value: id)
        }
    }

    // Those that are there

    func cameo(_ id: String, of caller: Caller) throws(KinoraError) -> Cameo {
        guard let cameo = try store.cameo(id, of: caller) else { throw KinoraError(.characterNotFound) }
        return cameo
    }

    /// Only Kinora forgets it: the upstream keeps what it has.
    func deleteCameo(_ id: String, of caller: Caller) throws(KinoraError) -> Cameo {
        guard let cameo = try store.deleteCameo(id, of: caller) else {
            _ = try self.cameo(id, of: caller)
            throw KinoraError(.taskNotFinal, "The character is being made.")
        }
        return cameo
    }

    func callerStats(of caller: Caller) throws(KinoraError) -> Outcome {
        guard let stats = try store.stats(of: caller, family: Self.bridgedFamily) else {
            throw KinoraError(.internalFault, detail: "caller_stats gave no row")
        }
        return .callerStats(stats)
    }
}
