internal import Core

/// Chat completions and embeddings, below `/openai/v1`. A token is a word.
extension OpenAISandbox {
    static let textModels = ["gpt-4", "gpt-4-0613", "gpt-4o", "gpt-4o-mini"]
    static let embeddingModels = ["text-embedding-3-small": 1536, "text-embedding-3-large": 3072]

    private static let chatFields = [
        "model", "messages", "audio", "frequency_penalty", "function_call", "functions", "logit_bias",
        "logprobs",
        "max_completion_tokens", "max_tokens", "metadata", "modalities", "n", "parallel_tool_calls",
        "prediction",
        "presence_penalty", "prompt_cache_key", "reasoning_effort", "response_format", "safety_identifier",
        "seed",
        "service_tier", "stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools",
        "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
    ]
    private static let parts = ["text", "refusal", "image_url", "input_audio", "file"]
    private static let roles = ["developer", "system", "user", "assistant", "tool", "function"]

    /// `models`: those that there are.
    func chat(_ body: RequestBody, of models: [String] = textModels) throws(KinoraError) -> Talk {
        let fields = try fields(body, known: Self.chatFields)
        let model = try model(fields, of: models)
        guard let messages = fields["messages"]?.arrayValue else {
            throw KinoraError(.missingParameter, "Missing required parameter: 'messages'.", field: "messages")
        }
        guard !messages.isEmpty else {
            throw KinoraError(
                .invalidValue, "Invalid 'messages': empty array. Expected an array with minimum length 1.",
                field: "messages")
        }
        var texts: [(role: String, text: String)] = []
        for (index, message) in messages.enumerated() {
            texts.append(try text(of: message, "messages[\(index)]"))
        }
        let isStreamed = try flag(fields["stream"], "stream")
        let options = fields["stream_options"] ?? .null
        guard isStreamed || options.isNull else {
            throw KinoraError(
                .invalidValue, "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                field: "stream_options")
        }
        let wantsUsage = try flag(options["include_usage"], "stream_options.include_usage")
        let older = try count(fields["max_tokens"], "max_tokens")
        let newer = try count(fields["max_completion_tokens"], "max_completion_tokens")
        return .chat(
            Talk.Chat(
                model: model, prompt: texts.last { $0.role == "user" }?.text ?? "",
                promptTokens: texts.reduce(0) { $0 + Self.tokens($1.text) }, tokensMax: newer ?? older,
                streamsUsage: isStreamed ? wantsUsage : nil))
    }

    func embedding(_ body: RequestBody) throws(KinoraError) -> Talk {
        let fields = try fields(body, known: ["model", "input", "dimensions", "encoding_format", "user"])
        let model = try model(fields, of: Array(Self.embeddingModels.keys))
        let most = Self.embeddingModels[model] ?? 1536
        let dimensions = try count(fields["dimensions"], "dimensions") ?? most
        guard dimensions <= most else {
            throw KinoraError(.invalidValue, "Invalid value for 'dimensions'.", field: "dimensions")
        }
        let format = fields["encoding_format"]?.stringValue ?? "float"
        guard ["float", "base64"].contains(format) else {
            throw KinoraError(.invalidValue, "Invalid 'encoding_format'.", field: "encoding_format")
        }
        let inputs = try inputs(fields["input"])
        return .embedding(
            Talk.Embedding(
                model: model, inputs: inputs, tokens: inputs.reduce(0) { $0 + Self.tokens($1) },
                dimensions: dimensions, isBase64: format == "base64"))
    }

    private static func tokens(_ text: String) -> Int { text.split(whereSeparator: \.isWhitespace).count }

    private func fields(_ body: RequestBody, known: [String]) throws(KinoraError) -> JSONObject {
        guard case .json(let json) = body, let object = json.objectValue else {
            throw KinoraError(.malformedRequest, "The body must be a JSON object.")
        }
        if let stranger = object.names.first(where: { !known.contains($0) }) {
            throw KinoraError(
                .malformedRequest, "Unrecognized request argument supplied: \(stranger)", field: stranger)
        }
        return object
    }

    private func model(_ fields: JSONObject, of known: [String]) throws(KinoraError) -> String {
        guard let model = fields["model"]?.stringValue else {
            throw KinoraError(.missingParameter, "you must provide a model parameter", field: "model")
        }
        guard known.contains(model) else {
            throw KinoraError(
                .modelNotFound, "The model `\(model)` does not exist or you do not have access to it.")
        }
        return model
    }

    private func text(of message: JSON, _ place: String) throws(KinoraError) -> (String, String) {
        guard let role = message["role"]?.stringValue, Self.roles.contains(role) else {
            throw KinoraError(.invalidValue, "Invalid value for '\(place).role'.", field: "\(place).role")
        }
        switch message["content"] ?? .null {
        case .string(let text): return (role, text)
        case .array(let parts) where !parts.isEmpty:
            var texts: [String] = []
            for (index, part) in parts.enumerated() {
                let type = part["type"]?.stringValue ?? ""
                let text = part["text"]?.stringValue
                guard Self.parts.contains(type), type != "text" || text != nil else {
                    throw KinoraError(
                        .invalidValue, "Invalid value for '\(place).content[\(index)]'.",
                        field: "\(place).content[\(index)]")
                }
                if let text { texts.append(text) }
            }
            return (role, texts.joined(separator: " "))
        case .null where role == "assistant": return (role, "")
        case let other:
            throw KinoraError(
                .invalidValue,
                "Invalid type for '\(place).content': expected one of a string or array of objects, but got "
                    + "\(other.kindName) instead.",
                field: "\(place).content")
        }
    }

    private func flag(_ value: JSON?, _ name: String) throws(KinoraError) -> Bool {
        guard let value, !value.isNull else { return false }
        guard let flag = value.boolValue else {
            throw KinoraError(
                .invalidValue, "Invalid type for '\(name)': expected a boolean.", field: name)
        }
        return flag
    }

    private func count(_ value: JSON?, _ name: String) throws(KinoraError) -> Int? {
        guard let value, !value.isNull else { return nil }
        guard let number = value.integerValue, (1...1_000_000).contains(number) else {
            throw KinoraError(
                .invalidValue, "Invalid '\(name)': expected a value >= 1.", field: name)
        }
        return Int(number)
    }

    /// Texts, or tokens given by number.
    private func inputs(_ value: JSON?) throws(KinoraError) -> [String] {
        func text(_ item: JSON) -> String? {
            item.stringValue ?? item.arrayValue?.map(\.text).joined(separator: " ")
        }
        let items: [JSON]
        switch value ?? .null {
        case .null:
            throw KinoraError(.missingParameter, "Missing required parameter: 'input'.", field: "input")
        case .array(let values) where values.first?.integerValue == nil: items = values
        case let one: items = [one]
        }
        let inputs = items.compactMap(text)
        guard inputs.count == items.count, (1...2048).contains(inputs.count), !inputs.contains("") else {
            throw KinoraError(.invalidValue, "'$.input' is invalid.", field: "input")
        }
        return inputs
    }
}
