import FakeProxySQL
import FleetModel
import Foundation
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import MySQLWire
import Persistence
import ProxySQLAdmin
import TestSupport
import Testing

/// Texts that mean something to SQL, libconfig, JSON, regular expressions, terminals or Unicode.
private let hostileTexts = [
    "'", "''", "\"", "\\", "\\'", "';--", "'; DROP TABLE mysql_users; --", "a;b", "--", "/*", "*/", "#", "`", "$(id)",
    "%s%n", "%00", "\\0", "\\x41", "{", "}", "(", ")", "=", "//", "@include \"x\"", "\t", "\n", "\r\n", "\u{1b}[2J",
    "\u{7f}", "\u{80}", "\u{301}'\u{301}", "'\u{301}", "☃", "𝄞", "\u{202e}x", "\u{feff}x", "null", "NULL", "true", "0",
    " lead", "trail ", "[drover other]", "x [drover shop]", "[drover", "^(a+)+$", "(?i)x", "[[:alpha:]]", "\\d{2,}",
    String(repeating: "x", count: 60), String(repeating: "'", count: 30),
]

@Suite("Hostile texts", .timeLimit(.minutes(2)))
struct HostileInputTests {
    @Test("each is refused by a 4xx or arrives at ProxySQL byte for byte, by either surface")
    func arrive() async throws {
        try await withAPI { client, store in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            var taken: [(user: String, password: String)] = []
            for (index, text) in hostileTexts.enumerated() {
                let user = try await client.call(
                    .put, "/v1/groups/shop/users/u\(index)", json(["password": .text(text)]))
                #expect(user.status == 200 || (400..<500).contains(user.status), "\(text): \(user.text)")
                if user.status == 200 { taken.append(("u\(index)", text)) }
                let named = try await client.call(
                    .post, "/users?instance_group=shop",
                    json(["username": .text(text), "password": "p", "default_hostgroup": 5, "active": 1]))
                #expect(named.status == 200 || (400..<500).contains(named.status), "\(text): \(named.text)")
                if named.status == 200 { taken.append((text, "p")) }
                let rule = try await client.call(
                    .put, "/v1/groups/shop/query-rules/\(100 + index)",
                    json(["matchDigest": .text(text), "comment": .text(text)]))
                #expect(rule.status == 200 || (400..<500).contains(rule.status), "\(text): \(rule.text)")
            }
            let isName = { (text: String) in
                text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
            }
            for text in hostileTexts where !isName(text) {
                let address = try await client.call(
                    .put, "/v1/groups/shop/servers/x", json(["address": .text(text)]))
                #expect(address.status == 422, "\(text): \(address.text)")
                let name = try await client.call(
                    .post, "/", goAdd("other").replacing("other\"", with: "\(escaped(text))\""))
                #expect((400..<500).contains(name.status), "\(text): \(name.text)")
            }
            let wanted = try #require(try await store.groups().first?.document.configuration)
            #expect(taken.count > 80 && wanted.queryRules.count > 40)
            try await expectArrival(of: wanted)
        }
    }

    @Test("documents that are huge or deep end as a 4xx")
    func huge() async throws {
        try await withAPI { client, store in
            let many = JSONValue.list((0..<2_000).map { ["username": .text("u\($0)"), "password": "p"] })
            let bodies = [
                json(["servers": [["name": "shop", "address": "127.0.0.9", "origin": "primary"]], "users": many]),
                "[" + Array(repeating: "1", count: 100_000).joined(separator: ",") + "]",
                #"{"servers":["# + Array(repeating: "1", count: 100_000).joined(separator: ",") + #"],"users":[]}"#,
                "{" + (0..<20_000).map { "\"m\($0)\":0" }.joined(separator: ",") + "}",
                String(repeating: "[", count: 500) + String(repeating: "]", count: 500),
                String(repeating: "[", count: 100_000), String(repeating: #"{"a":"#, count: 50_000),
                #"{"servers":["# + Array(repeating: "{}", count: 5_000).joined(separator: ",") + #"],"users":[]}"#,
                #"{"servers":[],"users":[],"writerHostgroup":1e400}"#,
                #"{"servers":[],"users":[],"writerHostgroup":99999999999999999999}"#,
                #"{"servers":[],"users":[],"policy":{"maximumReplicas":1e300}}"#,
                #"{"primaryInstance":"\#(String(repeating: "a", count: 500_000))","servers":[],"users":[]}"#,
                "\u{0}", "{\"a\":\"\\ud800\"}",
            ]
            for body in bodies {
                for (method, path) in [(HTTPRequest.Method.put, "/v1/groups/shop"), (.post, "/"), (.patch, "/")] {
                    let answer = try await client.call(method, path, body)
                    #expect((400..<500).contains(answer.status), "\(body.prefix(60)): \(answer.status)")
                }
            }
            #expect(try await store.groups().isEmpty)
        }
    }

    private func json(_ value: JSONValue) -> String { String(decoding: value.bytes(), as: UTF8.self) }

    private func escaped(_ text: String) -> String { String(json(.text(text)).dropFirst().dropLast()) }

    /// Brings `wanted` to a simulated node and reads every text back.
    private func expectArrival(of wanted: FleetConfiguration) async throws {
        try await withThrowingTaskGroup { tasks in
            let fake = try await FakeProxySQL.start(
                .init(name: "core-0", host: OwnAddress.next(), adminPort: 0, mysqlPort: 0), logger: silent)
            tasks.addTask { try await fake.run() }
            defer { tasks.cancelAll() }
            let connection = try await AdminClient(
                MySQLConfiguration(
                    host: fake.adminEndpoint.host, port: fake.adminEndpoint.port, username: "radmin",
                    password: "radmin"), node: "core-0", timeout: .seconds(5), logger: silent)
            _ = try await NodeApply(connection: connection, node: "core-0", savesToDisk: true, logger: silent)
                .apply(wanted)
            let users = try await connection.query("SELECT username, password FROM mysql_users ORDER BY username")
            let found = Dictionary(
                users.rows.map {
                    (Array(($0.string("username") ?? "").utf8), Array(($0.string("password") ?? "").utf8))
                },
                uniquingKeysWith: { first, _ in first })
            for user in wanted.users {
                #expect(
                    found[Array(user.username.utf8)] == Array(user.password.reveal().utf8),
                    "\(user.username.debugDescription)")
            }
            let rules = try await connection.query("SELECT rule_id, match_digest, comment FROM mysql_query_rules")
            for rule in wanted.queryRules {
                let row = rules.rows.first { $0.string("rule_id") == "\(rule.id + wanted.ruleIDBase)" }
                let mark = RowMark(group: wanted.group.text)
                #expect(
                    row?.string("match_digest").map { Array($0.utf8) } == Array(rule.matchDigest.utf8)
                        && row?.string("comment").map { Array($0.utf8) } == Array(mark.marking(rule.comment).utf8),
                    "\(rule.matchDigest.debugDescription)")
            }
            await connection.close()
        }
    }
}
