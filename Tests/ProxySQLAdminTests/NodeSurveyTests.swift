import FakeProxySQL
import FleetModel
import Logging
import ProxySQLAdmin
import TestSupport
import Testing

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

@Suite("Looking at nodes before places are given out", .timeLimit(.minutes(1)))
struct NodeSurveyTests {
    private func withSurvey(
        nodes count: Int = 1, silent: Bool = false, _ statements: [String],
        _ body: (NodeSurvey, [FakeProxySQL]) async throws -> Void
    ) async throws {
        try await withNodes((0..<count).map { freeNode("node-\($0)") }) { fakes in
            for sql in statements { _ = await fakes[count - 1].query(sql) }
            var nodes = fakes.enumerated().map { index, fake in
                FleetNode(
                    name: "node-\(index)", role: .core, host: fake.adminEndpoint.host, port: fake.adminEndpoint.port)
            }
            if silent { nodes.append(FleetNode(name: "gone", role: .core, host: "127.0.0.1", port: 1)) }
            let survey = AdminSurvey(
                directory: ListedNodes(nodes),
                settings: .init(username: "radmin", password: Secret("radmin")), wallClock: TestWallClock(),
                logger: quiet)
            try await body(await survey.survey(isFresh: false), fakes)
        }
    }

    private func configuration(writer: Int = 5, reader: Int = 10, base: Int = 0) throws -> FleetConfiguration {
        let group = try InstanceName("shop")
        return FleetConfiguration(
            group: group, writerHostgroup: writer, readerHostgroup: reader, ruleIDBase: base,
            content: (
                [BackendServer(name: "shop", address: "127.0.9.1", hostgroup: writer, origin: .primary)],
                [ProxyUser(username: "app", password: Secret("p"), defaultHostgroup: writer)],
                [QueryRule(id: 1, username: "app", matchDigest: "x", destinationHostgroup: reader, comment: "")]
            ))
    }

    private func next(_ survey: NodeSurvey, known: Set<String> = []) throws -> HostgroupAllocation {
        HostgroupAllocation.next(
            beside: [],
            avoiding: survey.places(
                besides: try InstanceName("shop"), known, addresses: ["127.0.9.1 3306"], usernames: ["app"]))
    }

    @Test(
        "places that somebody else uses on any node are not given out",
        arguments: [
            ("INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (10,'127.0.9.77')", 15, 0 + 1_000),
            ("INSERT INTO mysql_query_rules (rule_id,match_digest,destination_hostgroup) VALUES (4,'a',99)", 15, 1_000),
            ("INSERT INTO mysql_users (username,password,default_hostgroup) VALUES ('x','y',5)", 15, 1_000),
            ("INSERT INTO mysql_replication_hostgroups VALUES (5,10,'read_only','made for it')", 5, 0),
            (
                "INSERT INTO mysql_servers (hostgroup_id,hostname,comment) VALUES (5,'127.0.9.1','m [drover old]')", 15,
                1_000
            ),
            ("INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (5,'127.0.9.1')", 5, 0),
            ("INSERT INTO mysql_servers (hostgroup_id,hostname,comment) VALUES (5,'a','[drover shop]')", 5, 0),
            ("INSERT INTO mysql_servers (hostgroup_id,hostname,comment) VALUES (5,'a','[drover known]')", 5, 0),
        ])
    func places(statement: String, writer: Int, base: Int) async throws {
        try await withSurvey(nodes: 2, [statement]) { survey, _ in
            let found = try next(survey, known: ["known"])
            #expect(found.writer == writer && found.ruleIDBase == base, "\(found)")
        }
    }

    @Test("rows in the way are named with their nodes, each table's, and servers of others in a new hostgroup")
    func findings() async throws {
        let statements = [
            "INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (10,'127.0.9.77')",
            "INSERT INTO mysql_query_rules (rule_id,match_digest,destination_hostgroup) VALUES (1,'a',99)",
            "INSERT INTO mysql_users (username,password,default_hostgroup) VALUES ('app','theirs',99)",
        ]
        try await withSurvey(nodes: 2, silent: true, statements) { survey, _ in
            #expect(survey.silent == ["gone"])
            let wanted = try configuration()
            let found = try survey.findings(for: wanted, before: nil, besides: [])
            #expect(
                found.map(\.found.row.description) == [
                    "mysql_users app", "mysql_query_rules 1", "mysql_servers 10 127.0.9.77 3306",
                ])
            #expect(found.allSatisfy { $0.node == "node-1" })
            #expect(found.sentence.contains("mysql_query_rules 1 (without Drover's mark) on node-1"))
            #expect(try survey.findings(for: wanted, before: wanted, besides: []).isEmpty, "what it had already")
            let moved = try survey.findings(
                for: try configuration(writer: 15, reader: 20, base: 1_000), before: nil, besides: [])
            #expect(moved.map(\.found.row.description) == ["mysql_users app"])
            var adopting = wanted
            adopting.adopt(found.map(\.found.row))
            #expect(try survey.findings(for: adopting, before: nil, besides: []).isEmpty)
            var places = adopting
            adopting.adoption?.trim(to: places)
            #expect(adopting.adoption?.rows.count == 3)
            places.users = []
            adopting.adoption?.trim(to: places)
            #expect(adopting.adoption?.rows.count == 2)
        }
    }
}
