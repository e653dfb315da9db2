public import Core

extension Hub {
    public func decode(_ request: Request, for match: RouteMatch) throws(KinoraError) -> Command {
        switch match.route {
        case Self.submit: return .submit(try submission(request))
        case Self.status: return try Self.status(of: request)
        case Self.redemption:
            guard let code = try Fields(request.body).string("code") else {
                throw KinoraError(.missingParameter, "code is required", field: "code")
            }
            return .redeem(code)
        default: return .quota
        }
    }

    private static func status(of request: Request) throws(KinoraError) -> Command {
        let query = request.path.query
        guard let id = query["jobId"], !id.isEmpty else {
            throw KinoraError(.missingParameter, "jobId is required", field: "jobId")
        }
        guard let reference = TaskReference(id) else { throw KinoraError(.taskNotFound, "Job not found") }
        let wait = try query.integer("wait", in: 0...Limits.syncWaitSecondsMax)
        return .report(reference, waitSeconds: wait ?? request.head.preferredWaitSeconds ?? 0)
    }

    private static let picture = "image_url"

    /// What the provider does not know is left out: clients send the same fields to all.
    private func submission(_ request: Request) throws(KinoraError) -> Submission {
        let fields = try Fields(request.body)
        var parameters: [GivenParameter] = []
        if let seconds = try fields.integerOrText("duration") {
            parameters.append(.init(name: "seconds", field: "duration", value: seconds))
        }
        for (field, name) in [("aspect_ratio", "ratio"), ("negative_prompt", "negative_prompt")] {
            guard let text = try fields.string(field) else { continue }
            parameters.append(.init(name: name, field: field, value: .string(text)))
        }
        var references: [Reference] = []
        if let image = try fields.medium(Self.picture) {
            let source = try Reference.Source(image, field: Self.picture)
            references = [Reference(source, field: Self.picture, family: .image)]
        }
        var submission = Submission(
            dialect: name, model: try fields.string("model"), kind: .video,
            prompt: try fields.string("prompt") ?? "", parameters: parameters, references: references)
        submission.provider = try fields.string("provider")?.lowercased()
        submission.userIdentifier = try fields.identifier("user_identifier")
        submission.isReported = true
        submission.pictureFields = [Self.picture]
        submission.takePreferences(of: request)
        return submission
    }
}
