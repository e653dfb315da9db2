public import Core

extension Sora2API {
    public func encode(_ outcome: Outcome, for exchange: Exchange) -> Response {
        let body: JSON
        switch outcome {
        case .bridged(let question, let answer, let account): body = Self.json(answer, to: question, account)
        case .madeCameo(let cameo): body = Self.made(cameo)
        case .cameos(let cameos):
            body = ["success": true, "characters": .array(cameos.map(Self.json))]
        case .cameo(let cameo): body = ["success": true, "character": Self.json(cameo)]
        case .deletedCameo: body = ["success": true, "message": "Character deleted"]
        case .callerStats(let stats): body = ["success": true, "stats": Self.json(stats)]
        default: return OpenAIVideos().encode(outcome, for: exchange)
        }
        return .json(body).adding("Cache-Control", "no-store")
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

    // Characters

    private static func made(_ cameo: Cameo) -> JSON {
        var data: JSONObject = ["cameo_id": JSON(cameo.cameoID)]
        data["character_id"] = cameo.characterID.map(JSON.string)
        data["username"] = .string(cameo.username)
        data["display_name"] = .string(cameo.displayName)
        data["message"] = "Character created successfully"
        return [
            "id": .string(cameo.id), "object": "character", "created": .integer(cameo.createdAt.seconds),
            "model": .string(cameo.model), "data": .object(data),
        ]
    }

    private static func json(_ cameo: Cameo) -> JSON {
        [
            "id": .string(cameo.id), "cameo_id": JSON(cameo.cameoID), "character_id": JSON(cameo.characterID),
            "username": .string(cameo.username), "display_name": .string(cameo.displayName),
            "profile_url": JSON(cameo.profileURL), "instruction_set": .string(cameo.instructionSet),
            "safety_instruction_set": .string(cameo.safetyInstructionSet),
            "status": .string(cameo.state.rawValue), "created_at": .string(cameo.createdAt.iso8601),
            "updated_at": .string(cameo.updatedAt.iso8601),
        ]
    }

    private static func json(_ stats: CallerStats) -> JSON {
        [
            "total_tokens": JSON(stats.accounts), "active_tokens": JSON(stats.activeAccounts),
            "today_images": JSON(stats.imagesToday), "total_images": JSON(stats.images),
            "today_videos": JSON(stats.videosToday), "total_videos": JSON(stats.videos),
            "today_errors": JSON(stats.failedToday), "total_errors": JSON(stats.failed),
        ]
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
