#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Carries out a plan; what is there already stays as it is.
package struct SetupRun: Sendable {
    /// What became of a step.
    package enum Outcome: String, Sendable {
        /// It was made.
        case created
        /// It was there.
        case present
        /// It was there, and what was missing in it was added.
        case granted
    }

    private let request: @Sendable (SetupPlan.Service) throws(GoogleFailure) -> GoogleRequest
    private let clock: any Clock<Duration>

    /// Calls the services as `request` gives them.
    package init(
        clock: any Clock<Duration> = ContinuousClock(),
        request: @escaping @Sendable (SetupPlan.Service) throws(GoogleFailure) -> GoogleRequest
    ) {
        self.clock = clock
        self.request = request
    }

    private struct Named: Decodable, Sendable {
        var name: String?
        var displayName: String?
    }

    private struct Listed: Decodable, Sendable {
        var notificationChannels: [Named]?
        var alertPolicies: [Named]?
    }

    private struct WithChannel: Encodable, Sendable {
        var document: AnyDocument
        var channel: String?

        private enum Key: String, CodingKey { case notificationChannels }

        func encode(to encoder: any Encoder) throws {
            try document.encode(to: encoder)
            guard let channel else { return }
            var container = encoder.container(keyedBy: Key.self)
            try container.encode([channel], forKey: .notificationChannels)
        }
    }

    /// Carries out the steps in order and tells of each.
    /// - Throws: `GoogleFailure` of the first that fails; all of it can be run again.
    package func run(
        _ plan: SetupPlan, tell: (_ title: String, Outcome) -> Void
    ) async throws(GoogleFailure) {
        let access = AccessRun(request: request, clock: clock)
        if let plan = plan.access { try await access.create(plan, tell: tell) }
        try await create(plan, tell)
        // What the roles are on is there now, and so are new accounts, everywhere.
        if let plan = plan.access { try await access.grant(plan, tell: tell) }
    }

    private func create(
        _ plan: SetupPlan, _ tell: (String, Outcome) -> Void
    ) async throws(GoogleFailure) {
        var channel: String?
        for step in plan.steps {
            let isChannel = step.path.hasSuffix("/notificationChannels")
            if let displayName = step.displayName, let known = try await find(displayName, step) {
                if isChannel { channel = known }
                tell(step.title, .present)
                continue
            }
            let request = try request(step.service)
            let body = WithChannel(document: step.body, channel: isChannel ? nil : channel)
            let call = try GoogleCall(step.method, step.path, effect: step.method == .PUT ? .idempotent : .once)
                .json(body)
            do throws(GoogleFailure) {
                let made: Named = try await request.send(call)
                if isChannel { channel = made.name }
                tell(step.title, .created)
            } catch {
                guard error.code == .alreadyExists else { throw error }
                tell(step.title, .present)
            }
        }
    }

    private func find(_ displayName: String, _ step: SetupPlan.Step) async throws(GoogleFailure) -> String? {
        let query = [("filter", "display_name=\"\(displayName)\"")]
        let listed: Listed = try await request(.monitoring).send(GoogleCall(.GET, step.path, query: query))
        return ((listed.notificationChannels ?? []) + (listed.alertPolicies ?? []))
            .first { $0.displayName == displayName }?.name
    }
}
