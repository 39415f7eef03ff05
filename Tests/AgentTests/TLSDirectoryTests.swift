import FakeProxySQL
import FleetModel
import Foundation
import Pacing
import ProxySQLAdmin
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// A text of the form of a certificate.
private func certificate(_ letter: String) -> String {
    "-----BEGIN CERTIFICATE-----\n\(String(repeating: letter, count: 64))\n-----END CERTIFICATE-----\n"
}

private let key = "-----BEGIN PRIVATE KEY-----\nS0VZ\n-----END PRIVATE KEY-----\n"

private struct Killed: Error {}

@Suite("Files that verify backends", .timeLimit(.minutes(2)))
struct TLSDirectoryTests {
    private func path() -> String { NSTemporaryDirectory() + "drover-tls-\(UUID().uuidString)" }

    private func document(
        _ generation: Int64, authority: String?, identity: Bool = false
    ) throws -> (text: String, files: [TLSFile]) {
        let group = try InstanceName("shop")
        var made = FleetConfiguration(
            group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: ([BackendServer(name: "p", address: "127.0.0.5", hostgroup: 5, origin: .primary)], [], []))
        made.generation = generation
        made.tls = authority.map { authority in
            [
                BackendTLS(
                    address: "127.0.0.5", port: 3306, authorities: authority,
                    identity: identity ? ClientIdentity(certificate: certificate("C"), key: Secret(key)) : nil)
            ]
        }
        return (String(decoding: try JSONEncoder().encode(made), as: UTF8.self), TLSFile.all(of: made))
    }

    @Test("a file is 0600 in a folder that is 0700, and is not written again")
    func modes() throws {
        let steps = Mutex(0)
        let directory = TLSDirectory(path: path()) { _ in steps.withLock { $0 += 1 } }
        let files = ["tls-a.key.pem": Secret(key)]
        try directory.put(files)
        try directory.put(files)
        #expect(steps.withLock { $0 } == TLSDirectory.Step.allCases.count)
        let manager = FileManager.default
        let file = try manager.attributesOfItem(atPath: "\(directory.path)/tls-a.key.pem")
        #expect(file[.posixPermissions] as? Int == 0o600)
        #expect(try manager.attributesOfItem(atPath: directory.path)[.posixPermissions] as? Int == 0o700)
        directory.remove(except: [])
        #expect(directory.names.isEmpty)
    }

    @Test("what is broken, huge, misnamed or two keys is not written, and is not shown")
    func hostile() throws {
        let directory = TLSDirectory(path: path())
        let bad: [(String, String)] = [
            ("tls-a.ca.pem", "hush"), ("tls-a.ca.pem", certificate("A") + String(repeating: " ", count: 70_000)),
            ("tls-a.ca.pem", certificate("A") + key), ("tls-a.key.pem", key + key), ("tls-a.key.pem", certificate("A")),
            ("../tls-a.ca.pem", certificate("A")), ("proxysql-key.pem", key), ("tls-../../x.pem", certificate("A")),
        ]
        for (name, content) in bad {
            let error = #expect(throws: TLSDirectory.Problem.self) { try directory.put([name: Secret(content)]) }
            #expect(error?.description.contains("hush") == false && error?.description.contains("S0VZ") == false)
        }
        #expect(!FileManager.default.fileExists(atPath: directory.path))
    }

    @Test("ended after any step, there is the whole file or none, and the next start completes it")
    func crashes() throws {
        for last in TLSDirectory.Step.allCases {
            let path = path()
            let dying = TLSDirectory(path: path) { step in if step == last { throw Killed() } }
            let wanted = ["tls-a.ca.pem": Secret(certificate("A")), "tls-b.ca.pem": Secret(certificate("B"))]
            #expect(throws: TLSDirectory.Problem.self) { try dying.put(wanted) }
            for name in dying.names {
                #expect(try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) == wanted[name]?.reveal())
            }
            let next = TLSDirectory(path: path)
            try next.put(wanted)
            next.remove(except: Set(wanted.keys))
            #expect(try Set(FileManager.default.contentsOfDirectory(atPath: path)) == Set(wanted.keys))
        }
    }

    /// The files that rows name at runtime and that are not there.
    private func missing(_ fake: FakeProxySQL) async -> [String] {
        guard
            case .rows(_, let rows) = await fake.query(
                "SELECT ssl_ca, ssl_cert, ssl_key FROM runtime_mysql_servers_ssl_params")
        else { return ["no rows"] }
        return rows.joined().compactMap { $0 }.filter { !$0.isEmpty && !FileManager.default.fileExists(atPath: $0) }
    }

    @Test("ended at any step of a rotation, no row names a file that is not there")
    func rotation() async throws {
        for last in TLSDirectory.Step.allCases {
            try await withNode(freeNode("a")) { fake in
                let folder = path()
                let first = try document(1, authority: certificate("A"))
                try await follow(fake, first.text, TLSDirectory(path: folder))
                let second = try document(2, authority: certificate("A") + certificate("B"), identity: true)
                let dying = TLSDirectory(path: folder) { step in if step == last { throw Killed() } }
                try await follow(fake, second.text, dying)
                #expect(await missing(fake) == [])
                try await follow(fake, second.text, TLSDirectory(path: folder))
                #expect(await missing(fake) == [])
                #expect(TLSDirectory(path: folder).names == Set(second.files.map(\.name)))
                // An operator's row keeps the file that it names.
                let kept = "\(folder)/\(second.files[0].name)"
                _ = await fake.query(
                    "INSERT INTO mysql_servers_ssl_params(hostname, ssl_ca) VALUES ('theirs', '\(kept)')")
                try await follow(fake, try document(3, authority: nil).text, TLSDirectory(path: folder))
                #expect(TLSDirectory(path: folder).names == [second.files[0].name])
            }
        }
    }

    private func follow(_ fake: FakeProxySQL, _ text: String, _ directory: TLSDirectory) async throws {
        let path = path() + ".json"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let agent = try AgentProcess(
            settings: AgentSettings(
                arguments: {
                    var arguments = try AgentArguments([])
                    arguments.values = [
                        "agent.mode": "core", "agent.proxysql.address": "\(fake.adminEndpoint)",
                        "agent.proxysql.password": "radmin",
                    ]
                    return arguments
                }(), environment: [:], read: { _ in nil }), around: .init(logger: quiet))
        let keeper = FollowKeeper(
            source: FollowedFile(path: path), directory: directory, node: ("a", agent.port), role: agent.role,
            events: agent.events, mayApply: { true },
            pace: .init(change: .init(), interval: .seconds(1), clock: ContinuousClock()), logger: quiet)
        _ = try await keeper.step()
        await agent.port.close()
    }

    @Test("a satellite writes the files and says so, and no answer shows a key")
    func satellite() async throws {
        let source = path() + ".json"
        let wanted = try document(1, authority: certificate("A"), identity: true)
        try wanted.text.write(toFile: source, atomically: true, encoding: .utf8)
        let folder = path()
        try await withNode(freeNode("a")) { fake in
            try await withAgent(
                fake,
                [
                    "agent.follow.file": source, "agent.core.interval-seconds": "0.1", "agent.tls.directory": folder,
                ]
            ) { agent in
                let status = try await agent.status { ($0["tls_files"] as? [String])?.isEmpty == false }
                #expect((status["tls_files"] as? [String]).map { Set($0) } == Set(wanted.files.map(\.name)))
                #expect(!"\(status)".contains("S0VZ"))
            }
        }
    }
}
