/// Carries out a plan of who may do what. It only adds: what others have granted stays as it is.
struct AccessRun: Sendable {
    private struct Ignored: Decodable, Sendable {}

    let request: @Sendable (SetupPlan.Service) throws(GoogleFailure) -> GoogleRequest
    let clock: any Clock<Duration>
    /// Two who change a policy at the same time: whoever comes second reads it again.
    private static let maximumRuns = 10
    /// A new account is known everywhere about a minute later (IAM documentation, "Access change propagation").
    private static let longestUnknown = Duration.seconds(120)
    private static let firstPause = Duration.milliseconds(200)
    private static let longestPause = Duration.seconds(10)

    /// Creates the accounts and the role.
    func create(
        _ plan: AccessPlan, tell: (String, SetupRun.Outcome) -> Void
    ) async throws(GoogleFailure) {
        let iam = try request(.iam)
        for account in plan.accounts {
            let call = try GoogleCall(.POST, plan.accountsPath).json(plan.creation(of: account))
            tell(
                "service account \(account.email)",
                try await Self.created { () async throws(GoogleFailure) in
                    let _: Ignored = try await iam.send(call)
                })
        }
        tell("role \(AccessPlan.roleID)", try await createRole(plan, iam))
    }

    /// Creates the role, or sees to it that nothing is missing in it.
    private func createRole(
        _ plan: AccessPlan, _ iam: GoogleRequest
    ) async throws(GoogleFailure) -> SetupRun.Outcome {
        // The id of a role that was deleted is taken for weeks, but its role is not there, so IAM calls it a precondition.
        let outcome = try await Self.created(unless: [.alreadyExists, .failedPrecondition]) {
            () async throws(GoogleFailure) in
            let _: Ignored = try await iam.send(try GoogleCall(.POST, plan.rolesPath).json(plan.roleCreation))
        }
        guard outcome == .present else { return outcome }
        let path = "\(plan.rolesPath)/\(AccessPlan.roleID)"
        var role: RoleDocument = try await iam.send(GoogleCall(.GET, path))
        if role.deleted == true {
            role = try await iam.send(
                try GoogleCall(.POST, "\(path):undelete", effect: .idempotent).json([String: String]()))
        }
        let present = role.includedPermissions ?? []
        let missing = AccessPlan.permissions.filter { !present.contains($0) }
        guard !missing.isEmpty else { return .present }
        let change = RoleDocument(includedPermissions: present + missing)
        let call = try GoogleCall(.PATCH, path, query: [("updateMask", "includedPermissions")], effect: .idempotent)
            .json(change)
        let _: Ignored = try await iam.send(call)
        return .granted
    }

    private static func created(
        unless codes: Set<GoogleFailure.Code> = [.alreadyExists], _ body: () async throws(GoogleFailure) -> Void
    ) async throws(GoogleFailure) -> SetupRun.Outcome {
        do throws(GoogleFailure) {
            try await body()
            return .created
        } catch {
            guard codes.contains(error.code) else { throw error }
            return .present
        }
    }

    /// Binds everything, resource by resource.
    func grant(
        _ plan: AccessPlan, tell: (String, SetupRun.Outcome) -> Void
    ) async throws(GoogleFailure) {
        let project: ProjectDocument = try await request(.resourceManager).send(
            GoogleCall(.GET, "/v3/projects/\(plan.project)"))
        let number = project.name.split(separator: "/").last.map { String($0) } ?? ""
        for change in plan.changes {
            let bindings = change.bindings.map { binding in
                let parts = binding.member.split(separator: AccessPlan.numberPlaceholder, maxSplits: 1)
                return AccessPlan.Change.Binding(role: binding.role, member: parts.joined(separator: number))
            }
            tell(change.title, try await grant(bindings, change))
        }
    }

    private func grant(
        _ bindings: [AccessPlan.Change.Binding], _ change: AccessPlan.Change
    ) async throws(GoogleFailure) -> SetupRun.Outcome {
        let request = try request(change.service)
        var run = 0
        var waited = Duration.zero
        while true {
            run += 1
            var policy: IAMPolicy = try await request.send(try Self.reading(change))
            var isMissing = false
            for binding in bindings where policy.add(binding.member, to: binding.role) { isMissing = true }
            guard isMissing else { return run == 1 ? .present : .granted }
            do throws(GoogleFailure) {
                // With the policy's etag it is done once or, where somebody else was quicker, not at all.
                let call = try GoogleCall(.POST, "\(change.path):setIamPolicy").json(SetPolicyRequest(policy: policy))
                let _: Ignored = try await request.send(call)
                return .granted
            } catch {
                let pause = min(Self.firstPause * (1 << min(run - 1, 10)), Self.longestPause)
                if Self.isUnknownMember(error) {
                    guard waited < Self.longestUnknown else { throw Self.advised(error) }
                    waited += pause
                } else {
                    guard Self.isRace(error) || error.effectIsUnknown, run < Self.maximumRuns else { throw error }
                }
                guard (try? await clock.sleep(for: pause)) != nil else { throw error }
            }
        }
    }

    /// Resource Manager has it as a POST, the others as a GET.
    private static func reading(_ change: AccessPlan.Change) throws(GoogleFailure) -> GoogleCall {
        if change.service == .resourceManager {
            return try GoogleCall(.POST, "\(change.path):getIamPolicy", effect: .idempotent).json(GetPolicyRequest())
        }
        return GoogleCall(
            .GET, "\(change.path):getIamPolicy", query: [("options.requestedPolicyVersion", "3")])
    }

    private static func isRace(_ failure: GoogleFailure) -> Bool {
        failure.code == .aborted || failure.status == 409 || failure.status == 412
    }

    private static func isUnknownMember(_ failure: GoogleFailure) -> Bool {
        failure.code == .invalid && failure.message.contains("does not exist")
    }

    private static func advised(_ failure: GoogleFailure) -> GoogleFailure {
        var failure = failure
        failure.message += " (a service's own account is made by 'gcloud beta services identity create --service=...')"
        return failure
    }
}
