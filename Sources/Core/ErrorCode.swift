/// Every way an operation can fail. Numbers are grouped (1 request, 2 caller, 3 domain, 4 upstream, 5 ours),
/// printed in logs and in docs/errors.md, and never used again after retirement.
public enum ErrorCode: String, Sendable, CaseIterable {
    // 1: the request's form
    case malformedRequest = "malformed_request"
    case missingParameter = "missing_parameter"
    case invalidValue = "invalid_value"
    case bodyTooLarge = "body_too_large"
    case unsupportedMediaType = "unsupported_media_type"
    case routeNotFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case clientGone = "client_gone"
    // 2: the caller
    case missingKey = "missing_api_key"
    case invalidKey = "invalid_api_key"
    case revokedKey = "revoked_api_key"
    case expiredKey = "expired_api_key"
    case forbidden = "forbidden"
    case invalidSignature = "invalid_signature"
    case rateLimitExceeded = "rate_limit_exceeded"
    case concurrencyLimitExceeded = "concurrency_limit_exceeded"
    case insufficientQuota = "insufficient_quota"
    case redemptionLimitExceeded = "redemption_limit_exceeded"
    // 3: the domain
    case modelNotFound = "model_not_found"
    case taskNotFound = "task_not_found"
    case taskNotCompleted = "task_not_completed"
    case contentNotFound = "content_not_found"
    case generationFailed = "generation_failed"
    case idempotencyMismatch = "idempotency_mismatch"
    case idempotencyInProgress = "idempotency_in_progress"
    case alreadyExists = "already_exists"
    case waitTimedOut = "task_timeout"
    case taskNotFinal = "task_not_final"
    case syncFailed = "sync_generation_failed"
    case codeNotFound = "code_not_found"
    case codeUsed = "code_used"
    case codeExpired = "code_expired"
    case taskFinal = "task_final"
    case accountNotFound = "account_not_found"
    case profileNotFound = "profile_not_found"
    case characterNotFound = "character_not_found"
    // 4: upstream
    case upstreamCredential = "upstream_credential"
    case upstreamMoney = "upstream_money"
    case upstreamRate = "upstream_rate"
    case upstreamConcurrency = "upstream_concurrency"
    case contentRefused = "content_policy_violation"
    case upstreamRequest = "upstream_request"
    case upstreamServer = "upstream_server"
    case upstreamProtocol = "upstream_protocol"
    case upstreamUnreachable = "upstream_unreachable"
    case upstreamExpired = "upstream_expired"
    case upstreamEmptyResult = "upstream_empty_result"
    case submitUnknown = "submit_unknown"
    case taskDeadline = "task_deadline"
    case addressRefused = "address_refused"
    case unsupportedByVendor = "unsupported_by_vendor"
    case noAccount = "no_account"
    case insufficientCredits = "insufficient_credits"
    case webhookRefused = "webhook_refused"
    case upstreamModelClosed = "upstream_model_closed"
    // 5: ours
    case internalFault = "internal_error"
    case databaseAway = "database_unavailable"
    case queueFull = "queue_full"
    case storageFailed = "storage_failed"
    case shuttingDown = "shutting_down"
    case configuration = "configuration_error"
    case leaseLost = "lease_lost"
    case notSupported = "not_supported"

    /// Nil for a number that no code has.
    public init?(number: String) {
        guard let code = Self.allCases.first(where: { $0.facts.number == number }) else { return nil }
        self = code
    }

    /// When the same request may succeed.
    public enum Retry: String, Sendable { case never, later, elsewhere }
    public enum Level: String, Sendable { case debug, info, warning, error }

    /// What a code means to every layer: one table, so that status, retry and log level cannot disagree.
    public struct Facts: Sendable {
        public let number: String
        public let status: Int
        public let retry: Retry
        public let level: Level
        public let message: String
    }
}
