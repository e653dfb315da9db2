public import Core

extension Sora2API {
    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        guard case .bridged(let question, let answer, let account) = outcome else {
            return OpenAIVideos().encode(outcome, for: exchange)
        }
        return .json(Self.json(answer, to: question, account)).adding("Cache-Control", "no-store")
    }

    public func encode(_ error: KinoraError, for exchange: Exchange) -> Response {
        OpenAIVideos().encode(error, for: exchange)
    }

    private static func json(_ answer: BridgeAnswer, to question: BridgeQuestion, _ account: Int64?) -> JSON {
        let account = account.map { JSON.integer($0) } ?? .null
        switch (answer, question) {
        case (.invite(let invite), _): return json(invite)
        case (.profile(let profile), _): return ["success": true, "profile": .object(profile)]
        case (.page(let items, let cursor), .feed(let cut, _)):
            return [
                "success": true, "cut": .string(cut), "count": JSON(items.count), "cursor": JSON(cursor),
                "items": .array(items),
            ]
        case (.page(let items, let cursor), .userFeed(let userID, _)):
            return ["success": true, "user_id": .string(userID), "feed": feed(items, cursor)]
        case (.page(let items, let cursor), _):
            return ["success": true, "token_id": account, "feed": feed(items, cursor)]
        case (.people(let people), .search(let search)):
            return [
                "success": true, "query": .string(search.username), "count": JSON(people.count),
                "results": .array(people),
            ]
        case (.people(let people), _): return ["success": true, "results": .array(people)]
        case (.prompt(let prompt), _): return ["enhanced_prompt": .string(prompt)]
        case (.tasks(let tasks), _):
            return [
                "success": true, "token_id": account, "count": JSON(tasks.count), "tasks": .array(tasks),
            ]
        case (.task(let task), _): return ["success": true, "task": .object(task)]
        }
    }

    private static func feed(_ items: [JSON], _ cursor: String?) -> JSON {
        ["items": .array(items), "cursor": JSON(cursor)]
    }

    private static func json(_ invite: Invite?) -> JSON {
        guard let invite else {
            return ["success": false, "message": "No account has an invite code left."]
        }
        return [
            "success": true, "invite_code": .string(invite.code),
            "remaining_count": .integer(invite.remaining),
            "total_count": .integer(invite.total), "email": JSON(invite.email),
        ]
    }
}
