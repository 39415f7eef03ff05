import FleetModel
import Testing

@Suite("What a publication says of a replica's servers")
struct PublicationOfServersTests {
    private func publication(_ table: String) -> Publication {
        var behind = NodePublication(node: "b", condition: .behind, detail: "somebody else's row")
        behind.foreignRows = [ForeignRow(row: RowName(table: table, key: ["1"]), owner: nil)]
        return Publication(generation: 1, nodes: [NodePublication(node: "a", condition: .current), behind])
    }

    @Test(
        "a row of somebody else among users and rules keeps no server back",
        arguments: ["mysql_users", "mysql_query_rules"])
    func others(table: String) {
        #expect(!publication(table).isComplete)
        #expect(publication(table).ofServers.isComplete)
    }

    @Test("one among the servers does, and so does anything else that is lacking")
    func servers() {
        #expect(!publication("mysql_servers").ofServers.isComplete)
        #expect(!publication("mysql_servers_ssl_params").ofServers.isComplete)
        let behind = NodePublication(node: "b", condition: .behind, detail: "a statement was refused")
        #expect(!Publication(generation: 1, nodes: [behind]).ofServers.isComplete)
    }

    @Test("a server of somebody else beside the group's own holds nothing up, and people hear of it once")
    func foreignServer() throws {
        let group = try InstanceName("shop")
        var node = NodePublication(node: "a", condition: .current)
        let before = Publication(generation: 1, nodes: [node])
        node.foreignServers = [
            ForeignRow(row: RowName(table: "mysql_servers", key: ["10", "10.66.0.1", "3306"]), owner: nil)
        ]
        let after = Publication(generation: 1, nodes: [node])
        #expect(after.isComplete && after.ofServers.isComplete)
        let now = Timestamp(secondsSinceEpoch: 1_000)
        let events = FleetEvent.between(old: before, new: after, of: group, at: now)
        #expect(events.map(\.kind) == [.foreignRows])
        #expect(events.first?.sentence.contains("10.66.0.1") == true)
        #expect(FleetEvent.between(old: after, new: after, of: group, at: now).isEmpty)
        #expect(
            FleetEvent.between(old: nil, new: after, of: group, at: now).map(\.kind)
                == [.publicationFinished, .foreignRows])
        let record = GroupRecord(
            configuration: FleetConfiguration(
                group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: ([], [], [])),
            policy: ScalingPolicy(minimumReplicas: 0, maximumReplicas: 1), primaryInstance: group)
        let concerns = FleetConcern.all(in: record, incidents: [], decision: nil, publication: after, at: now)
        #expect(concerns.map(\.key.code) == [.foreignRows])
    }
}
