import FleetModel
import Foundation
import MySQLWire
import TestSupport
import Testing

@testable import DigestExport

@Suite(
    "Dumps of a real ProxySQL", .serialized, .enabled(if: PrivateProxySQL.binary != nil), .timeLimit(.minutes(2)))
struct RealProxySQLIntegration {
    /// A real node with digests that ProxySQL makes up itself (`PROXYSQLTEST 1`), and its admin connection.
    private func withNode(_ body: (DumpSettings, MySQLConnection, String) async throws -> Void) async throws {
        let node = try await PrivateProxySQL(binary: try #require(PrivateProxySQL.binary))
        defer { node.stop() }
        var server = MySQLConfiguration(
            host: node.host, port: node.adminPort, username: "radmin", password: "radmin")
        server.connectTimeout = .seconds(1)
        var connected: MySQLConnection?
        let deadline = ContinuousClock.now.advanced(by: .seconds(10))
        while connected == nil, ContinuousClock.now < deadline {
            connected = try? await MySQLConnection.connect(server, logger: quiet)
            if connected == nil { try await Task.sleep(for: .milliseconds(50)) }
        }
        let admin = try #require(connected)
        _ = try await admin.query("PROXYSQLTEST 1 30", timeout: .seconds(30))
        try await withFolder { folder in
            let settings = DumpSettings(server: server, hostName: "pod-1", destination: .file("\(folder)/d.csv"))
            try await body(settings, admin, folder)
        }
        await admin.close()
    }

    private func count(_ admin: MySQLConnection, _ table: String) async throws -> Int {
        let rows = try await admin.query("SELECT COUNT(*) FROM \(table)", timeout: .seconds(30)).rows
        return rows.first?[0].flatMap { Int($0) } ?? -1
    }

    private func dump(_ settings: DumpSettings, fault: Fault? = nil, clock: TestWallClock) -> DigestDump {
        DigestDump(
            settings, wallClock: clock, logger: quiet,
            makeOutput: { (path) throws(DigestError) in
                guard let fault, let path else { return try DigestDump.open(path) }
                return try FaultyFile(path, fault)
            })
    }

    private func lines(_ path: String?) throws -> [Substring] {
        try String(contentsOfFile: path ?? "", encoding: .utf8).split(separator: "\r\n")
    }

    @Test("every row is there, and ProxySQL keeps them")
    func plain() async throws {
        try await withNode { settings, admin, _ in
            let total = try await count(admin, "stats_mysql_query_digest")
            let files = try await dump(settings, clock: TestWallClock()).run()
            #expect(files.map(\.rows) == [total])
            let lines = try lines(files.first?.path)
            #expect(lines.count == total + 1)
            #expect(Set(lines).count == total + 1)
            let after = try await count(admin, "stats_mysql_query_digest")
            #expect(after == total)
        }
    }

    @Test("reset rows outlive a full disk and every other reader of the digests, and come once")
    func reset() async throws {
        try await withNode { settings, admin, folder in
            let total = try await count(admin, "stats_mysql_query_digest")
            var resetting = settings
            resetting.resets = true
            let clock = TestWallClock()
            let failing = dump(resetting, fault: .laterWrite, clock: clock)
            await #expect(throws: DigestError.self) { try await failing.run() }
            // What would have emptied ProxySQL's own table of what was reset:
            let left = try await count(admin, "stats_mysql_query_digest")
            #expect(left == 0)
            let reset = try await count(admin, "stats_mysql_query_digest_reset")
            #expect(reset == 0)
            _ = try await admin.query("PROXYSQLTEST 1 1", timeout: .seconds(30))
            let fresh = try await count(admin, "stats_mysql_query_digest")
            clock.advance(by: .seconds(60))
            let files = try await dump(resetting, clock: clock).run()
            #expect(files.map(\.rows) == [total, fresh])
            var all: [Substring] = []
            for file in files { all += try lines(file.path).dropFirst() }
            #expect(all.count == total + fresh)
            #expect(try names(in: folder).count == 2)
            let tables = try await admin.query(Holding.list).rows
            #expect(tables.isEmpty)
        }
    }

    @Test("a user who may not make tables loses nothing: the reset is refused before it happened")
    func readOnly() async throws {
        try await withNode { settings, admin, _ in
            let total = try await count(admin, "stats_mysql_query_digest")
            var readOnly = settings
            readOnly.resets = true
            readOnly.server = MySQLConfiguration(
                host: settings.server.host, port: settings.server.port, username: "stats", password: "stats")
            let refused = dump(readOnly, clock: TestWallClock())
            await #expect { try await refused.run() } throws: { ($0 as? DigestError)?.code == .refused }
            let left = try await count(admin, "stats_mysql_query_digest")
            #expect(left == total)
            readOnly.resets = false
            let files = try await dump(readOnly, clock: TestWallClock()).run()
            #expect(files.map(\.rows) == [total])
        }
    }
}
