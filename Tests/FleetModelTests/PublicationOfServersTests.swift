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
}
