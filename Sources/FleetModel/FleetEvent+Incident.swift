extension FleetEvent {
    /// What a change of an incident tells; nothing where only its progress changed, which the replica's events tell.
    /// - Parameter registered: the groups that there are, where the incident's is none of them; else nil.
    package static func between(
        old: Incident?, new: Incident, at now: Timestamp, besides registered: [InstanceName]? = nil
    ) -> [FleetEvent] {
        var events: [FleetEvent] = []
        if let registered {
            guard old == nil, new.state == .open else { return [] }
            return [
                about(
                    new, .groupUnknown, .warning, now,
                    "Alert \"\(new.policyName)\" fires for group \(new.group), which is not registered: no replica comes or "
                        + "goes because of it. \(advice(registered))")
            ]
        }
        let wish = new.action == .add ? "one more replica" : "one replica fewer"
        if old == nil, new.state == .open {
            events.append(
                about(
                    new, .incidentOpened, .warning, now,
                    "Alert \"\(new.policyName)\" fires: while it does, group \(new.group) gets \(wish) after each "
                        + "cooldown, inside its limits."))
        }
        if old?.state != .closed, new.state == .closed { events.append(closing(new, now)) }
        if new.lastProcess != old?.lastProcess {
            switch new.lastProcess {
            case .clear:
                events.append(
                    about(
                        new, .incidentCleared, .info, now,
                        "Everything that alert \"\(new.policyName)\" asked of group \(new.group) is done."))
            case .fail:
                events.append(
                    about(
                        new, .incidentFailed, .error, now,
                        "A step that alert \"\(new.policyName)\" asked of group \(new.group) failed; it is cleaned "
                            + "up and tried again while the alert fires."))
            default: break
            }
        }
        return events
    }

    /// What to do about an alert for a group that is none of `registered`.
    static func advice(_ registered: [InstanceName]) -> String {
        let shown = registered.prefix(10).map(\.text).joined(separator: ", ")
        let more = registered.count > 10 ? " and \(registered.count - 10) more" : ""
        return (registered.isEmpty ? "No group is registered" : "Registered: \(shown)\(more)")
            + "; register the group under that name (drover ctl databases add), or name another in the alert policy's "
            + "documentation (instance_group)."
    }

    private static func closing(_ new: Incident, _ now: Timestamp) -> FleetEvent {
        let rest = "group \(new.group) finishes what is under way and then stays as it is."
        guard let who = new.closedBy else {
            return about(new, .incidentClosed, .info, now, "Alert \"\(new.policyName)\" is over: \(rest)")
        }
        let why = new.closeReason ?? "no reason was given"
        guard who == "scaler" else {
            return about(
                new, .incidentClosed, .info, now,
                "\(who) closed the incident of alert \"\(new.policyName)\" (\(why)): \(rest)")
        }
        return about(
            new, .incidentExpired, .warning, now,
            "The incident of alert \"\(new.policyName)\" is closed, because \(why). If the alert still fires, its "
                + "closing and next opening bring a new incident; \(rest)")
    }

    private static func about(
        _ incident: Incident, _ kind: Kind, _ severity: Severity, _ now: Timestamp, _ sentence: String
    ) -> FleetEvent {
        var fields: [Field: String] = [
            .incident: incident.id, .policy: incident.policyName, .action: incident.action.rawValue,
            .primary: incident.primaryInstance.text, .lastProcess: incident.lastProcess.rawValue,
        ]
        fields[.actor] = incident.closedBy
        fields[.reason] = incident.closeReason
        if !incident.lastReplicaName.isEmpty { fields[.replica] = incident.lastReplicaName }
        return FleetEvent(kind, severity, group: incident.group, at: now, sentence, fields: fields)
    }
}
