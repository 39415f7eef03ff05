import FleetModel
import GoogleCloud
import ProxySQLAdmin
import Scaler

/// A dry run's report for people.
enum DryRunText {
    static func lines(_ report: RehearsalReport, notes: [String]) -> [String] {
        var lines = ["dry run at \(report.at): nothing was changed"]
        if let failure = report.listingFailure { lines.append("Cloud SQL could not be listed: \(failure)") }
        if report.groups.isEmpty { lines.append("there are no groups in the store") }
        for group in report.groups { lines += [""] + Self.lines(of: group) }
        if !report.unclaimed.isEmpty {
            lines += ["", "replicas with the label chester=true that no group counts"]
            lines += report.unclaimed.map { "  \($0)" }
        }
        if !notes.isEmpty { lines += [""] + notes.map { "note: \($0)" } }
        return lines
    }

    private static func lines(of group: GroupRehearsal) -> [String] {
        var lines = ["group \(group.group)"]
        if let failure = group.failure { return lines + ["  could not be looked at: \(failure)"] }
        lines += seen(group) + incidents(group)
        if let decision = group.decision { lines += decided(decision) }
        lines += section("the scaler's next steps", group.steps)
        var writes = group.storeWrites
        if group.isTakenOver {
            writes.insert("group \(group.group) is taken over from what Chester's tools stored", at: 0)
        }
        lines += section("would be written to the store", writes)
        lines += section(
            "calls of Cloud SQL",
            group.cloudSQLCalls.map { "\($0.method) \($0.path)\($0.body.map { " \($0)" } ?? "")" })
        lines += publication(group)
        lines += group.notes.map { "  note: \($0)" }
        lines.append("  \(group.wouldAct ? "something would be done" : "nothing would be done")")
        return lines
    }

    private static func section(_ title: String, _ entries: [String]) -> [String] {
        entries.isEmpty ? ["  \(title): none"] : ["  \(title)"] + entries.map { "    \($0)" }
    }

    private static func seen(_ group: GroupRehearsal) -> [String] {
        let configuration = group.configuration
        var lines = [
            "  primary \(group.primaryInstance), writer hostgroup \(configuration.writerHostgroup), reader hostgroup "
                + "\(configuration.readerHostgroup), generation \(configuration.generation), \(configuration.users.count) "
                + "users, \(configuration.queryRules.count) query rules"
        ]
        lines += section(
            "servers",
            configuration.servers.map {
                "\($0.name) \($0.address):\($0.port) hostgroup \($0.hostgroup) \($0.status.rawValue) \($0.origin)"
            })
        let policy = group.policy
        lines.append(
            "  policy: \(policy.minimumReplicas) to \(policy.maximumReplicas) replicas, cooldown out "
                + "\(seconds(policy.scaleOutCooldown)) s, in \(seconds(policy.scaleInCooldown)) s, \(policy.metrics.count) "
                + "metrics\(policy.isDryRun ? ", dryRun" : "")")
        if let instances = group.instances {
            lines += section(
                "replicas of \(group.primaryInstance) that Cloud SQL lists with chester=true",
                instances.map {
                    "\($0.name) \($0.state) \($0.address ?? "without an address")\($0.isOurs ? "" : ", not this group's")"
                })
        }
        return lines
            + section("counted as managed: \(group.replicas.count) of \(policy.maximumReplicas)", group.replicas)
    }

    private static func seconds(_ duration: Duration) -> Int64 { duration.wholeMilliseconds / 1_000 }

    private static func incidents(_ group: GroupRehearsal) -> [String] {
        section(
            "incidents",
            group.incidents.map {
                "\($0.id) \($0.action) \($0.state) since \($0.startedAt), last_process \($0.lastProcess) by "
                    + "\($0.updatedBy.isEmpty ? "nobody named" : $0.updatedBy): \($0.next)"
            })
    }

    private static func decided(_ decision: GroupRehearsal.Decision) -> [String] {
        var lines = ["  decision: \(decision.sentence)"]
        for wish in decision.wishes {
            let size = wish.size.map { "wishes for \($0)" } ?? "has no reading"
            lines.append("    \(wish.rule.rawValue) \(wish.name) \(size)")
        }
        lines += decision.readings.map { "    \($0)" }
        if let failure = decision.loadFailure { lines.append("    metrics could not be read: \(failure)") }
        return lines + section("guards that hold it", decision.guards)
    }

    private static func publication(_ group: GroupRehearsal) -> [String] {
        group.publication.flatMap { target in
            if let problem = target.problem { return ["  ProxySQL at \(target.name) could not be read: \(problem)"] }
            return section("changes at \(target.name)", target.notes + target.rows.map(\.line))
                + section(
                    "rows at \(target.name) that are not the group's and would be left as they are; nothing is complete "
                        + "until they are gone or adopted", target.foreignRows.map { "! \($0)" })
                + section(
                    "servers at \(target.name) that are not the group's, stay as they are and take its queries",
                    (target.foreignServers ?? []).map { "! \($0)" })
        }
    }
}
