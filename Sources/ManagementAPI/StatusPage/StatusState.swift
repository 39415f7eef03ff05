import FleetModel
import Pacing
import ProxySQLAdmin

/// Everything that the status page shows, read once.
struct StatusState: Sendable {
    /// A group and what is known of it.
    struct Group: Sendable {
        var record: GroupRecord
        var publication: PublicationBoard.Entry?
        var decisions: [DecisionEntry]
        /// By the server's name.
        var lags: [String: LagReading] = [:]
    }

    var groups: [Group]
    /// Groups beyond the ones that are shown.
    var more: Int
    /// The newest open ones.
    var incidents: [Incident]
    /// How many are open.
    var openIncidents: Int
    /// The names of all groups, shown or not.
    var registered: [InstanceName]
    /// The newest events, newest first.
    var events: [FleetEvent]
    var now: Timestamp

    private static let maximumGroups = 50

    init(_ parts: APIParts) async throws(APIError) {
        let records = try await parts.groups().map(\.document)
        more = max(0, records.count - Self.maximumGroups)
        registered = records.map(\.name)
        groups = []
        now = parts.wallClock.now()
        do throws(StoreError) {
            for record in records.prefix(Self.maximumGroups) {
                var group = Group(
                    record: record, publication: parts.publications?.newest(of: record.name),
                    decisions: try await parts.decisions?.decisions(of: record.name, limit: 5, before: nil) ?? [])
                for server in record.configuration.servers where server.origin != .primary {
                    group.lags[server.name] = parts.lag(
                        of: server.name, at: server.address, port: server.port, record, group.decisions.first)
                }
                groups.append(group)
            }
            openIncidents = try await parts.incidents.openIncidents().values.reduce(0) { $0.clampedSum($1.total) }
            incidents = try await parts.incidents.recent(limit: 200).filter { $0.state == .open }
            events = try await parts.events?.newest(group: nil, limit: 200) ?? []
        } catch {
            throw APIError(error)
        }
    }

    /// The nodes by name, each with what it holds of every group.
    var nodes: [(name: String, holds: [(group: Group, entry: PublicationBoard.Entry, node: NodePublication)])] {
        var found: [String: [(group: Group, entry: PublicationBoard.Entry, node: NodePublication)]] = [:]
        for group in groups {
            guard let entry = group.publication else { continue }
            for node in entry.publication.nodes { found[node.node, default: []].append((group, entry, node)) }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// What is known to have happened because of an incident, oldest first.
    func timeline(of incident: Incident) -> [FleetEvent] {
        events.filter { $0.fields["incident"] == incident.id }.reversed()
    }
}
