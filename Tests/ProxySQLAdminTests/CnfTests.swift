import FleetModel
import ProxySQLAdmin
import Testing

/// Every printable ASCII character, quotes of all kinds, and a quote with a combining mark.
let hostileText =
    String(String.UnicodeScalarView((0x20...0x7E).compactMap { UnicodeScalar($0) })) + "é日'\u{301}\"\u{301}\\"

func hostileConfiguration() throws -> FleetConfiguration {
    let group = try InstanceName("shop")
    var replica = BackendServer(name: "shop-r", address: "10.0.0.2", hostgroup: 10, origin: .configured)
    replica.weight = 7
    replica.status = .offlineSoft
    var rule = QueryRule(
        id: 1, username: hostileText, matchDigest: "^SELECT \"a'b\\d\"", destinationHostgroup: 10, comment: hostileText)
    rule.apply = false
    return FleetConfiguration(
        group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 1_000,
        content: (
            [BackendServer(name: "shop", address: "10.0.0.1", hostgroup: 5, origin: .primary), replica],
            [
                ProxyUser(username: hostileText, password: Secret(hostileText), defaultHostgroup: 5),
                ProxyUser(username: "b", password: Secret("plain"), defaultHostgroup: 10),
            ], [rule]
        ))
}

@Suite("Writing proxysql.cnf")
struct CnfTests {
    @Test("what is not ours stays as somebody wrote it, and what is ours is replaced, wherever it stands")
    func replaces() throws {
        let base = """
            # of the operator; with "quotes" and (brackets
            datadir="/var/lib/proxysql"   // here
            mysql_servers : ( { address="old;", port=3306 } , ) ;
            admin_variables = { admin_credentials="a:b;c:d" ; mysql_ifaces="0.0.0.0:6032" }
            /* mysql_users = ( ) */
            mysql_variables= { threads=4, server_version="8.0" "30" }
            restart_on_missing_heartbeats=10
            """
        let text = try CnfRenderer(try hostileConfiguration()).rendered(over: base)
        let document = try CnfDocument(text)
        #expect(
            document.names == [
                "datadir", "mysql_servers", "admin_variables", "mysql_variables", "restart_on_missing_heartbeats",
                "mysql_users", "mysql_query_rules",
            ])
        for kept in [
            "# of the operator; with \"quotes\" and (brackets\n", "datadir=\"/var/lib/proxysql\"   // here\n",
            "/* mysql_users = ( ) */\n", "server_version=\"8.0\" \"30\" }\n", "restart_on_missing_heartbeats=10\n",
        ] { #expect(text.contains(kept), "\(kept)") }
        #expect(!text.contains("old;"))
        #expect(text.hasPrefix("# drover-generation: 1\n"))
        let again = try CnfRenderer(try hostileConfiguration()).rendered(over: text)
        #expect(again == text, "written over itself it is the same")
    }

    @Test(
        "a broken file is refused, with the line",
        arguments: [
            ("a=1\nb=\"x", 2), ("a=(1,2\n", 1), ("a=1\n\n=3", 3), ("a={b=1)}", 1), ("/* a", 1), ("a", 1), ("a=", 1),
        ])
    func broken(text: String, line: Int) throws {
        let error = #expect(throws: CnfDocument.Unreadable.self) { try CnfDocument(text) }
        #expect(error?.line == line, "\(error.map { "\($0)" } ?? "")")
        #expect(throws: AdminError.self) { try CnfRenderer(try hostileConfiguration()).rendered(over: text) }
    }

    @Test("a zero byte cannot be written")
    func zero() throws {
        var configuration = try hostileConfiguration()
        configuration.users[0].password = Secret("a\0b")
        #expect(throws: AdminError.self) { try CnfRenderer(configuration).rendered(over: "") }
    }
}
