extension FleetEvent {
    /// What a change of an incident tells; nothing where only its progress changed, which the replica's events tell.
    package static func between(old: Incident?, new: Incident, at now: Timestamp) -> [FleetEvent] {
        var events: [FleetEvent] = []
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
