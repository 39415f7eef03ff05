/// What is to be done about a group's size, and why.
package struct ScalingDecision: Hashable, Sendable {
    /// The rule that decided; the raw value is used in logs, metrics and the API.
    package enum Reason: String, Hashable, Codable, Sendable {
        /// An open incident asks for it.
        case openIncident = "OPEN_INCIDENT"
        /// Fewer replicas than the minimum.
        case belowMinimum = "BELOW_MINIMUM"
        /// Nothing asks for a change.
        case noWish = "NO_WISH"
        /// The maximum is reached.
        case maximumSize = "MAX_SIZE"
        /// The minimum is reached.
        case minimumSize = "MIN_SIZE"
        /// Too soon after the last change, or after a failure.
        case withinCooldown = "WITHIN_COOLDOWN"
        /// A replica is being created or removed.
        case inProgress = "IN_PROGRESS"
    }

    /// Which way to go; nil holds.
    package var direction: ScalingDirection?
    /// Why.
    package var reason: Reason
    /// The incident that asked, if one did.
    package var incidentID: String?
    /// For `withinCooldown`: when to look again.
    package var notBefore: Timestamp?

    /// Decides for a group. Out beats in; one group does one thing at a time; cooldowns count from completion.
    package static func decide(_ record: GroupRecord, incidents: [Incident], at now: Timestamp) -> ScalingDecision {
        guard record.replicaUnderWay == nil else { return hold(.inProgress) }
        let open = incidents.filter { $0.state == .open }
        if let adding = open.first(where: { $0.action == .add }) {
            guard record.managedCount < record.policy.maximumReplicas else { return hold(.maximumSize, adding) }
            return unlessTooSoon(.out, .openIncident, adding.id, record, now)
        }
        if record.managedCount < min(record.policy.minimumReplicas, record.policy.maximumReplicas) {
            return unlessTooSoon(.out, .belowMinimum, nil, record, now)
        }
        if let removing = open.first(where: { $0.action == .remove }) {
            guard record.managedCount > record.policy.minimumReplicas else { return hold(.minimumSize, removing) }
            return unlessTooSoon(.in, .openIncident, removing.id, record, now)
        }
        return hold(.noWish)
    }

    /// The replica to remove: ours, serving, the youngest, because its caches are the coldest.
    package static func victim(in record: GroupRecord) -> ReplicaRecord? {
        record.replicas.filter { $0.state == .serving }.max {
            ($0.plannedAt, $0.name) < ($1.plannedAt, $1.name)
        }
    }

    private static func hold(_ reason: Reason, _ incident: Incident? = nil) -> ScalingDecision {
        ScalingDecision(direction: nil, reason: reason, incidentID: incident?.id, notBefore: nil)
    }

    private static func unlessTooSoon(
        _ direction: ScalingDirection, _ reason: Reason, _ incidentID: String?, _ record: GroupRecord, _ now: Timestamp
    ) -> ScalingDecision {
        let earliest = record.earliest(direction)
        if let earliest, now < earliest {
            return ScalingDecision(
                direction: nil, reason: .withinCooldown, incidentID: incidentID, notBefore: earliest)
        }
        return ScalingDecision(direction: direction, reason: reason, incidentID: incidentID, notBefore: nil)
    }
}

extension GroupRecord {
    /// When the next change in `direction` may begin; creations that fail one after another wait twice as long each
    /// time, from the cooldown (at least five seconds) to an hour.
    func earliest(_ direction: ScalingDirection) -> Timestamp? {
        guard let lastScaling else { return nil }
        let cooldown = direction == .out ? policy.scaleOutCooldown : policy.scaleInCooldown
        guard consecutiveFailures > 0 else { return lastScaling.completedAt.advanced(by: cooldown) }
        let doubled = max(cooldown, .seconds(5)) * (1 << min(consecutiveFailures - 1, 10))
        return lastScaling.completedAt.advanced(by: min(doubled, max(cooldown, .seconds(3_600))))
    }
}
