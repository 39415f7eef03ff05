import FakeProxySQL
import FleetModel
import Pacing
import ProxySQLAdmin
import TestSupport
import Testing

@testable import Agent

/// A simulated node's admin interface without sockets.
private struct FakeShell: AdminShell {
    let fake: FakeProxySQL

    func rows(_ statement: String) async throws(AdminError) -> [[String?]] {
        switch await fake.query(statement) {
        case .rows(_, let rows): return rows
        case .error(let message): throw AdminError(.statementRefused, "\(message) of \(statement)")
        case .ok, .gone: return []
        }
    }
}

@Suite("A restored file replaces what it owns, and nothing else", .timeLimit(.minutes(2)))
struct RestoreTests {
    private static let group = [
        "INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname, weight, comment) VALUES "
            + "(5, '10.9.0.1', 1000, 'primary [drover shop]'), (10, '10.9.0.2', 7, '[drover shop]')",
        "INSERT OR REPLACE INTO mysql_users (username, password, default_hostgroup, comment) VALUES "
            + "('app', 'secret', 5, '[drover shop]')",
        "INSERT OR REPLACE INTO mysql_query_rules (rule_id, active, match_digest, destination_hostgroup, comment) "
            + "VALUES (1, 1, '^SELECT', 10, '[drover shop]')",
    ]
    private static let loads = ["MYSQL SERVERS", "MYSQL USERS", "MYSQL QUERY RULES"].map { "LOAD \($0) TO RUNTIME" }

    /// A core with this file, on which the group and rows of an older file run.
    private func run(
        file: [String], before: [String] = Self.group, _ body: (FakeProxySQL, CoreEffects) async throws -> Void
    ) async throws {
        var configuration = node("core-0")
        configuration.fileStatements = file
        try await withNode(configuration) { fake in
            for table in ["mysql_servers", "mysql_users", "mysql_query_rules"] {
                _ = await fake.query("DELETE FROM \(table)")
            }
            for statement in before + Self.loads { _ = await fake.query(statement) }
            try await body(
                fake,
                CoreEffects(
                    FakeShell(fake: fake), time: (ContinuousClock(), SystemWallClock()), logger: quiet))
        }
    }

    private func column(_ fake: FakeProxySQL, _ sql: String) async -> [String] {
        guard case .rows(_, let rows) = await fake.query(sql) else { return ["?"] }
        return rows.map { $0.map { $0 ?? "NULL" }.joined(separator: " ") }
    }

    private func servers(_ fake: FakeProxySQL, _ layer: String = "runtime_") async -> [String] {
        await column(fake, "SELECT hostgroup_id, hostname, weight FROM \(layer)mysql_servers ORDER BY 1, 2")
    }

    @Test("The group's servers, user and rule stay; of the older file nothing does")
    func marked() async throws {
        let old = [
            "INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '10.1.0.1')",
            "INSERT INTO mysql_users (username, default_hostgroup) VALUES ('old', 1)",
            "INSERT INTO mysql_query_rules (rule_id, active, match_digest) VALUES (50, 1, '.')",
            "INSERT INTO mysql_query_rules (rule_id, active, match_digest, comment) VALUES (51, 1, '.', NULL)",
        ]
        let file = [
            "INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '10.1.0.2')",
            "INSERT OR REPLACE INTO mysql_users (username, default_hostgroup) VALUES ('new', 1)",
            "INSERT OR REPLACE INTO mysql_query_rules (rule_id, active, match_digest) VALUES (60, 1, '.')",
        ]
        try await run(file: file, before: old + Self.group) { fake, effects in
            let done = try await effects.restore()
            #expect(Set(done.loaded) == Set(CoreModule.allCases))
            for layer in ["", "runtime_"] {
                #expect(await servers(fake, layer) == ["1 10.1.0.2 1", "5 10.9.0.1 1000", "10 10.9.0.2 7"])
                #expect(
                    await column(fake, "SELECT DISTINCT username FROM \(layer)mysql_users ORDER BY 1") == [
                        "app", "new",
                    ])
                #expect(
                    await column(fake, "SELECT rule_id, comment FROM \(layer)mysql_query_rules ORDER BY 1") == [
                        "1 [drover shop]", "60 NULL",
                    ])
            }
        }
    }

    @Test("Where the file has a row of a group's key the group's stays as it is")
    func sameKey() async throws {
        let file = [
            "INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname, weight) VALUES (5, '10.9.0.1', 1)",
            "INSERT OR REPLACE INTO mysql_users (username, password, default_hostgroup) VALUES ('app', 'stale', 1)",
            "INSERT OR REPLACE INTO mysql_query_rules (rule_id, active, match_digest, destination_hostgroup) "
                + "VALUES (1, 1, '.', 99)",
        ]
        try await run(file: file) { fake, effects in
            _ = try await effects.restore()
            #expect(await servers(fake) == ["5 10.9.0.1 1000", "10 10.9.0.2 7"])
            #expect(await column(fake, "SELECT password, default_hostgroup FROM mysql_users") == ["secret 5"])
            #expect(
                await column(fake, "SELECT rule_id, destination_hostgroup FROM runtime_mysql_query_rules") == ["1 10"])
        }
    }

    @Test("A file without tables changes variables alone, and can be restored")
    func natural() async throws {
        let hand = "INSERT INTO mysql_servers (hostgroup_id, hostname, comment) VALUES (1, '10.1.0.1', 'by hand')"
        try await run(file: [], before: Self.group + [hand]) { fake, effects in
            let before = try await effects.stamps()
            let done = try await effects.restore()
            #expect(Set(done.loaded) == [.adminVariables, .mysqlVariables])
            #expect(done.after[.servers] == nil)
            let after = try await effects.stamps()
            for module in [CoreModule.servers, .users, .queryRules] { #expect(after[module] == before[module]) }
            for layer in ["", "runtime_"] {
                #expect(
                    await column(fake, "SELECT comment FROM \(layer)mysql_servers ORDER BY hostname") == [
                        "by hand", "primary [drover shop]", "[drover shop]",
                    ])
            }
        }
    }

    @Test("Rows of groups in a file are the file's own only where the file is how groups are published")
    func rendered() async throws {
        let file = [
            "INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname, weight, comment) VALUES "
                + "(5, '10.9.0.1', 2000, 'primary [drover shop]')"
        ]
        try await run(file: file) { fake, effects in
            _ = try await effects.restore(.init(ownsGroups: true))
            #expect(await servers(fake) == ["5 10.9.0.1 2000"])
        }
        try await run(file: file) { fake, effects in
            _ = try await effects.restore()
            #expect(await servers(fake) == ["5 10.9.0.1 1000", "10 10.9.0.2 7"])
        }
    }

    @Test("What is in force already is not loaded once more")
    func confirmed() async throws {
        let file = ["INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '10.1.0.2')"]
        try await run(file: file) { fake, effects in
            _ = try await effects.restore()
            let row =
                "INSERT INTO mysql_servers (hostgroup_id, hostname, comment) VALUES (10, '10.9.0.3', '[drover shop]')"
            for statement in [row, Self.loads[0]] { _ = await fake.query(statement) }
            let before = try await effects.stamps()
            let done = try await effects.restore(.init(onlyIfChanged: true))
            #expect(done.loaded == [])
            #expect(try await effects.stamps() == before)
            #expect(done.after[.servers] == before[.servers])
        }
    }

    @Test("What an agent left that died in the middle is put right, and taken for nobody's")
    func died() async throws {
        let tagged = "UPDATE mysql_servers SET comment='[restoring] ' || comment"
        try await run(file: []) { fake, effects in
            _ = await fake.query(tagged)
            _ = try await effects.restore()
            #expect(
                await column(fake, "SELECT DISTINCT substr(comment, 1, 1) FROM mysql_servers ORDER BY 1") == ["[", "p"])
            #expect(await column(fake, "SELECT comment FROM mysql_servers WHERE weight=7") == ["[drover shop]"])
        }
    }

    @Test("What an agent left that died in the middle is taken back where nothing is to be restored any more")
    func unfinished() async throws {
        let before = [
            "INSERT INTO mysql_users (username, default_hostgroup, comment) VALUES ('old', 1, NULL)"
        ]
        try await run(file: [], before: before + Self.group) { fake, effects in
            let (servers, users) = (
                await servers(fake), await column(fake, "SELECT username, comment FROM mysql_users")
            )
            for statement in [
                "UPDATE mysql_servers SET comment='[restoring] ' || comment",
                "INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '10.1.0.9')",
                "UPDATE mysql_users SET comment='[restoring]' WHERE comment IS NULL",
            ] { _ = await fake.query(statement) }
            let address = "\(fake.adminEndpoint)"
            let settings = ["agent.core.restore": "false", "agent.core.interval-seconds": "0.1"]
            try await withAgent(address: address, mode: "core", settings) { agent in
                let status = try await agent.status { $0["boot"] as? String == "settled" }
                #expect(status["boot"] as? String == "settled")
            }
            #expect(await self.servers(fake, "") == servers)
            #expect(await column(fake, "SELECT username, comment FROM mysql_users") == users)
            // Nothing is left to be taken back.
            fake.forgetStatements()
            try await effects.undoUnfinished()
            #expect(!fake.statements.contains { $0.text.hasPrefix("SAVE") || $0.text.hasPrefix("UPDATE") })
        }
    }

    @Test("No empty set is loaded over one that runs", arguments: [CoreModule.servers, .users])
    func empty(module: CoreModule) async throws {
        try await run(file: []) { fake, effects in
            let table = module == .servers ? "mysql_servers" : "mysql_users"
            _ = await fake.query("DELETE FROM \(table)")
            try await effects.load([module])
            #expect(await column(fake, "SELECT COUNT(*) > 0 FROM runtime_\(table)") == ["1"])
        }
    }
}
