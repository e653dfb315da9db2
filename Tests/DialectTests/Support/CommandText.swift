import Core

/// A command in a form that people can read and that stays the same.
enum CommandText {
    static func of(_ command: Command) -> String {
        switch command {
        case .submit(let submission): lines("submit", submissionLines(submission))
        case .task(let reference, let wait): lines("task \(reference.short)", ["wait: \(wait) s"])
        case .awaitResult(let reference, let wait): lines("await \(reference.short)", ["wait: \(wait) s"])
        case .results(let reference, let wait, let form):
            lines("results \(reference.short)", ["wait: \(wait) s", "as: \(form.rawValue)"])
        case .tasks(let page):
            lines(
                "tasks",
                [
                    "kind: \(page.kind)", "limit: \(page.limit)", "order: \(page.order)",
                    page.after.map { "after: \($0.short)" },
                ])
        case .report(let reference, let wait): lines("report \(reference.short)", ["wait: \(wait) s"])
        case .follow(let reference, let withLinks, let last):
            lines("follow \(reference.short)", ["links: \(withLinks)", "last heard: \(quoted(last))"])
        case .reports(let page):
            lines(
                "reports",
                [
                    "kind: \(page.kind)", "limit: \(page.limit)", "skipped: \(page.skipped)",
                    page.stages.map { "states: \($0.states)" }, page.stages.map { "phases: \($0.phases)" },
                ])
        case .stats(let family): "stats of \(family)"
        case .content(let reference): "content \(reference.short)"
        case .cancel(let reference): "cancel \(reference.short)"
        case .delete(let reference): "delete \(reference.short)"
        case .estimate(let call):
            lines("estimate", ["of: \(call.target)", "body: \(String(decoding: call.body, as: UTF8.self))"])
        case .credits(let submission): lines("credits", submissionLines(submission))
        case .quota: "quota"
        case .redeem(let code): "redeem \(quoted(code))"
        case .relay(let request):
            lines(
                "relay \(request.kind)",
                [
                    "model: \(quoted(request.model))", request.family.map { "family: \($0)" },
                    "streamed: \(request.isStreamed)",
                    "usage wanted: \(request.wantsUsage)",
                    request.outputTokensMax.map { "output tokens at most: \($0)" },
                    "sends: \(String(decoding: request.body(for: request.model), as: UTF8.self))",
                ])
        case .models(let filter):
            lines(
                "models",
                [
                    filter.family.map { "family: \($0)" }, filter.kind.map { "of kind: \($0)" },
                    filter.owner.map { "owned by: \(quoted($0))" },
                ])
        case .model(let id, let family):
            lines("model \(quoted(id))", [family.map { "family: \($0)" }])
        case .ask(let question, let account):
            lines("ask \(question)", [account.map { "of account \($0)" }])
        case .makeCameo(let draft): lines("make a character", cameoLines(draft))
        case .cameos: "characters"
        case .cameo(let id): "character \(quoted(id))"
        case .deleteCameo(let id): "delete character \(quoted(id))"
        case .callerStats: "stats of the caller"
        case .catalogue: "catalogue"
        case .batch(let batch): "batch of \(batch.lines.count)"
        case .signedMedia(let name, let expires, let signature):
            lines(
                "signed media \(quoted(name))",
                ["expires: \(quoted(expires))", "signature: \(quoted(signature))"])
        case .vendorCallback(let callback): "vendor callback \(quoted(callback.token))"
        case .health: "health"
        }
    }

    static func of(_ error: KinoraError) -> String {
        lines(
            "error \(error.code.facts.number) \(error.code.rawValue)",
            ["message: \(quoted(error.message))", error.field.map { "field: \($0)" }])
    }

    private static func submissionLines(_ submission: Submission) -> [String?] {
        let parameters = submission.parameters.map { parameter in
            let spelling = parameter.field == parameter.name ? "" : " (as \(parameter.field))"
            return "\(parameter.name)\(spelling): \(parameter.value.text)"
        }
        let references = submission.references.map(line)
        return [
            "model: \(submission.model ?? (submission.remixOf == nil ? "the usual one" : "of the source"))",
            submission.family.map { "family: \($0)" }, submission.provider.map { "provider: \($0)" },
            submission.category.map { "category: \($0)" }, "prompt: \(quoted(submission.prompt))",
        ]
            + parameters + references
            + [
                submission.remixOf.map { "remix of: \($0.short)" },
                submission.userIdentifier.map { "user: \(quoted($0))" },
                submission.idempotencyKey.map { "idempotency key: \(quoted($0))" },
                submission.waitSeconds.map { "wait: \($0) s" },
                submission.resultForm.map { "results as: \($0.rawValue)" },
            ]
            + (submission.cameo.map {
                ["character\($0.isAskedFor ? "" : ", or a reference"):"] + cameoLines($0)
            } ?? [])
    }

    private static func line(_ reference: Reference) -> String {
        switch reference.source {
        case .uploaded(let file):
            "\(reference.field): file of \(file.bytes) bytes, \(name(file.mediaType))"
        case .bytes(let bytes):
            "\(reference.field): \(bytes.count) bytes, \(name(MediaType(sniffing: bytes)))"
        case .url(let url): "\(reference.field): \(url)"
        }
    }

    private static func cameoLines(_ draft: CameoDraft) -> [String?] {
        [
            draft.model.map { "model: \($0)" }, draft.family.map { "family: \($0)" }, line(draft.video),
            "timestamps: \(draft.timestamps)", draft.username.map { "username: \(quoted($0))" },
            draft.displayName.map { "display name: \(quoted($0))" },
            draft.instructionSet.map { "instructions: \(quoted($0))" },
            draft.safetyInstructionSet.map { "safety instructions: \(quoted($0))" },
            draft.idempotencyKey.map { "idempotency key: \(quoted($0))" },
        ]
    }

    private static func name(_ type: MediaType?) -> String { type?.rawValue ?? "unknown type" }

    private static func lines(_ first: String, _ rest: [String?]) -> String {
        ([first] + rest.compactMap { line in line.map { "  \($0)" } }).joined(separator: "\n")
    }

    private static func quoted(_ text: String) -> String {
        guard text.count > 200 else { return JSON.string(text).text }
        return "\(JSON.string(String(text.prefix(3))).text)… of \(text.count) characters"
    }
}
