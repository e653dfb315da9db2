internal import Core

/// How text models answer.
extension OpenAISandbox {
    func answer(_ talk: Talk, id: String, at now: Timestamp) -> Response {
        switch talk {
        case .chat(let chat):
            if let wantsUsage = chat.streamsUsage { return events(chat, id, now, withUsage: wantsUsage) }
            return .json(whole(chat, id, now))
        case .embedding(let embedding): return .json(list(embedding))
        }
    }

    private func said(_ chat: Talk.Chat) -> (words: [String], finish: String) {
        let words = chat.words
        guard let most = chat.tokensMax, words.count > most else { return (words, "stop") }
        return (Array(words.prefix(most)), "length")
    }

    private func usage(_ chat: Talk.Chat, _ words: Int) -> JSON {
        [
            "prompt_tokens": JSON(chat.promptTokens), "completion_tokens": JSON(words),
            "total_tokens": JSON(chat.promptTokens + words),
            "prompt_tokens_details": ["cached_tokens": 0, "audio_tokens": 0],
            "completion_tokens_details": ["reasoning_tokens": 0, "audio_tokens": 0],
        ]
    }

    private func whole(_ chat: Talk.Chat, _ id: String, _ now: Timestamp) -> JSON {
        let (words, finish) = said(chat)
        return [
            "id": JSON(id), "object": "chat.completion", "created": .integer(now.seconds),
            "model": JSON(chat.model),
            "choices": [
                [
                    "index": 0,
                    "message": [
                        "role": "assistant", "content": JSON(words.joined(separator: " ")), "refusal": .null,
                        "annotations": [],
                    ], "logprobs": .null, "finish_reason": JSON(finish),
                ]
            ], "usage": usage(chat, words.count), "service_tier": "default", "system_fingerprint": .null,
        ]
    }

    /// A piece for each word, then the reason of the end, what was used where that is asked for, and the end.
    private func events(_ chat: Talk.Chat, _ id: String, _ now: Timestamp, withUsage: Bool) -> Response {
        let (words, finish) = said(chat)
        func event(_ choices: JSON, usage: JSON = .null) -> String {
            var chunk: JSONObject = [
                "id": JSON(id), "object": "chat.completion.chunk", "created": .integer(now.seconds),
                "model": JSON(chat.model), "service_tier": "default", "system_fingerprint": .null,
                "choices": choices,
            ]
            if withUsage { chunk["usage"] = usage }
            return "data: \(JSON.object(chunk).text)\n\n"
        }
        func piece(_ delta: JSON, _ finish: String? = nil) -> String {
            event([["index": 0, "delta": delta, "logprobs": .null, "finish_reason": JSON(finish)]])
        }
        var text = piece(["role": "assistant", "content": "", "refusal": .null])
        for (index, word) in words.enumerated() {
            text += piece(["content": JSON(index > 0 ? " \(word)" : word)])
        }
        text += piece([:], finish)
        if withUsage { text += event([], usage: usage(chat, words.count)) }
        text += "data: [DONE]\n\n"
        return Response(
            status: 200, headers: [("Content-Type", "text/event-stream; charset=utf-8")],
            body: Array(text.utf8))
    }

    private func list(_ embedding: Talk.Embedding) -> JSON {
        let data = embedding.inputs.enumerated().map { index, text -> JSON in
            let vector = embedding.vector(of: text)
            let value: JSON =
                embedding.isBase64
                ? JSON(
                    Core.Base64.encode(
                        vector.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }))
                : .array(vector.map { .decimal(String($0)) })
            return ["object": "embedding", "index": JSON(index), "embedding": value]
        }
        return [
            "object": "list", "data": .array(data), "model": JSON(embedding.model),
            "usage": ["prompt_tokens": JSON(embedding.tokens), "total_tokens": JSON(embedding.tokens)],
        ]
    }
}
