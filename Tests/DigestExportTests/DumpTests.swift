import FleetModel
import Foundation
import Logging
import MySQLWire
import TestSupport
import Testing

@testable import DigestExport
@testable import FakeProxySQL

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// Where a dump is made to fail.
enum Fault: Hashable, Sendable, CaseIterable {
    case opening, firstWrite, laterWrite, commit
}

/// A file on a disk that is full.
final class FaultyFile: DigestOutput {
    private let file: DigestFile
    private let fault: Fault
    private var writes = 0

    init(_ path: String, _ fault: Fault) throws(DigestError) {
        guard fault != .opening else { throw DigestError(.unwritable, "no space") }
        file = try DigestFile(path: path)
        self.fault = fault
    }

    func write(_ bytes: ArraySlice<UInt8>) throws(DigestError) {
        writes += 1
        guard fault != .firstWrite, fault != .laterWrite || writes == 1 else {
            throw DigestError(.unwritable, "no space")
        }
        try file.write(bytes)
    }

    func commit() throws(DigestError) {
        guard fault != .commit else { throw DigestError(.unwritable, "no space") }
        try file.commit()
    }

    func abandon() { file.abandon() }
}

/// A simulated node with `count` digests, and a dump of it.
struct Node {
    let fake: FakeProxySQL
    let folder: String
    let clock = TestWallClock(Timestamp(secondsSinceEpoch: 1_795_247_787))

    static func with(digests count: Int, _ body: (Node) async throws -> Void) async throws {
        try await withFolder { folder in
            try await withNode(freeNode("n")) { fake in
                let node = Node(fake: fake, folder: folder)
                try await node.fill(count)
                try await body(node)
            }
        }
    }

    func fill(_ count: Int, from first: Int = 0) async throws {
        let rows = (first..<(first + count)).map { number -> [String?] in
            [
                "1", "app", "u", "", "0x\(number)", "SELECT col_\(number), 'x' FROM t", "1", "1795247787",
                "1795247787", "10", "10", "10", "0", "1",
            ]
        }
        try await fake.engine.addQueryDigests(rows)
    }

    func settings(_ change: (inout DumpSettings) -> Void = { _ in }) -> DumpSettings {
        let endpoint = fake.adminEndpoint
        var settings = DumpSettings(
            server: MySQLConfiguration(
                host: endpoint.host, port: endpoint.port, username: "radmin", password: "radmin"),
            hostName: "pod-1", destination: .file("\(folder)/d.csv"))
        settings.timeout = .seconds(20)
        change(&settings)
        return settings
    }

    func dump(_ settings: DumpSettings, fault: Fault? = nil) -> DigestDump {
        DigestDump(
            settings, wallClock: clock, logger: quiet,
            makeOutput: { (path) throws(DigestError) in
                guard let fault, let path else { return try DigestDump.open(path) }
                return try FaultyFile(path, fault)
            })
    }

    /// The digests in every file of the folder, each as often as it is there.
    func exported() throws -> [String: Int] {
        var digests: [String: Int] = [:]
        for name in try names(in: folder) {
            let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
            for line in text.split(separator: "\r\n").dropFirst() {
                let fields = line.split(separator: ",", omittingEmptySubsequences: false)
                digests[String(fields[4]), default: 0] += 1
            }
        }
        return digests
    }

    func holdings() async -> [String] {
        guard case .rows(_, let rows) = await fake.engine.execute(Holding.list).reply else { return ["?"] }
        return rows.compactMap { $0[0] }
    }
}

@Suite("Dumps of a node over the wire", .timeLimit(.minutes(2)))
struct DumpTests {
    @Test("all rows come into one file, and ProxySQL keeps them")
    func plain() async throws {
        try await Node.with(digests: 2_500) { node in
            let files = try await node.dump(node.settings()).run()
            #expect(files.map(\.rows) == [2_500])
            #expect(files.first?.path == "\(node.folder)/d.csv")
            #expect(try node.exported().count == 2_500)
            let again = try await node.dump(node.settings()).run()
            #expect(again.map(\.rows) == [2_500])
            #expect(try names(in: node.folder) == ["d.csv"])
        }
    }

    @Test("without digests there is no file", arguments: [false, true])
    func empty(resets: Bool) async throws {
        try await Node.with(digests: 0) { node in
            let files = try await node.dump(node.settings { $0.resets = resets }).run()
            #expect(files.isEmpty)
            #expect(try names(in: node.folder).isEmpty)
            #expect(await node.holdings().isEmpty)
        }
    }

    @Test("with reset each row comes once, over several pages, and the next dump has only new ones")
    func reset() async throws {
        try await Node.with(digests: 25_000) { node in
            let dump = node.dump(node.settings { $0.resets = true })
            var files = try await dump.run()
            #expect(files.map(\.path) == ["\(node.folder)/d-20261121T075627Z.csv"])
            #expect(files.map(\.rows) == [25_000])
            try await node.fill(10, from: 90_000)
            // In the same second: the file of before must stay.
            files = try await dump.run()
            #expect(files.map(\.path) == ["\(node.folder)/d-20261121T075628Z.csv"])
            let exported = try node.exported()
            #expect(exported.count == 25_010)
            #expect(exported.values.allSatisfy { $0 == 1 })
            #expect(await node.holdings().isEmpty)
        }
    }

    @Test(
        "a full disk loses no row and leaves no part of a file: the next dump has each once", arguments: Fault.allCases)
    func fullDisk(fault: Fault) async throws {
        try await Node.with(digests: 5_000) { node in
            let settings = node.settings { $0.resets = true }
            let failing = node.dump(settings, fault: fault)
            await #expect { try await failing.run() } throws: {
                "\($0)".contains("the 5000 digests stay in ProxySQL's memory")
            }
            #expect(try names(in: node.folder).isEmpty)
            #expect(await node.holdings().count == 1)
            // What empties ProxySQL's own table of what was reset.
            for table in ["stats_mysql_query_digest", "stats_mysql_query_digest_reset"] {
                _ = await node.fake.engine.execute("SELECT COUNT(*) FROM \(table)")
            }
            try await node.fill(7, from: 90_000)
            let files = try await node.dump(settings).run()
            #expect(files.map(\.isRecovered) == [true, false])
            #expect(files.map(\.rows) == [5_000, 7])
            let exported = try node.exported()
            #expect(exported.count == 5_007)
            #expect(exported.values.allSatisfy { $0 == 1 })
            #expect(await node.holdings().isEmpty)
        }
    }

    /// What had happened when the process died.
    enum Death: CaseIterable, Sendable {
        case created, filled, renamed, dropped
    }

    @Test(
        "a process that dies after any step loses no row, and repeats none in another file", arguments: Death.allCases)
    func death(death: Death) async throws {
        try await Node.with(digests: 50) { node in
            let holding = Holding(at: node.clock.now(), suffix: "a")
            let steps = [holding.create, holding.fill]
            for statement in steps.prefix(death == .created ? 1 : 2) {
                guard case .ok = await node.fake.engine.execute(statement).reply else {
                    Issue.record("refused: \(statement)")
                    continue
                }
            }
            node.clock.advance(by: .seconds(60))
            let settings = node.settings { $0.resets = true }
            if death == .renamed || death == .dropped {
                // The dump whose death is played got as far as naming its file.
                let first = try await node.dump(settings).run()
                #expect(first.map(\.isRecovered) == [true])
                if death == .renamed {
                    _ = await node.fake.engine.execute(holding.create)
                    try await node.fill(50)
                    _ = await node.fake.engine.execute(holding.fill)
                }
            }
            _ = try await node.dump(settings).run()
            let exported = try node.exported()
            #expect(exported.count == 50)
            #expect(exported.values.allSatisfy { $0 == 1 })
            // An empty table may be one whose rows are still coming; it goes when that has become impossible.
            #expect(await node.holdings().count == (death == .created ? 1 : 0))
            node.clock.advance(by: .seconds(4_000))
            _ = try await node.dump(settings).run()
            #expect(await node.holdings().isEmpty)
        }
    }

    @Test("with reset nothing goes to standard output, where nobody can tell whether it was kept")
    func resetToPipe() async throws {
        try await Node.with(digests: 1) { (node: Node) async throws -> Void in
            let settings = node.settings {
                $0.resets = true
                $0.destination = .standardOutput
            }
            await #expect { try await node.dump(settings).run() } throws: {
                ($0 as? DigestError)?.code == .unusable
            }
            let files = try await node.dump(node.settings()).run()
            #expect(files.map(\.rows) == [1])
        }
    }

    @Test("a node that is not there and a wrong password are told apart")
    func failures() async throws {
        try await Node.with(digests: 1) { node in
            let wrong = node.settings { settings in
                let endpoint = node.fake.adminEndpoint
                settings.server = MySQLConfiguration(
                    host: endpoint.host, port: endpoint.port, username: "radmin", password: "wrong")
            }
            await #expect { try await node.dump(wrong).run() } throws: { ($0 as? DigestError)?.code == .refused }
            let absent = node.settings {
                $0.server = MySQLConfiguration(host: OwnAddress.next(), port: 9, username: "radmin", password: "x")
            }
            await #expect { try await node.dump(absent).run() } throws: { ($0 as? DigestError)?.code == .unreachable }
        }
    }

    @Test("a series keeps the newest files, and a failed dump does not end it")
    func loop() async throws {
        try await Node.with(digests: 3) { (node: Node) async throws -> Void in
            let settings = node.settings { $0.destination = .series("\(node.folder)/d.csv") }
            func loop(_ fault: Fault?) -> DumpLoop {
                DumpLoop(
                    node.dump(settings, fault: fault), every: .seconds(60), keep: 2, clock: ContinuousClock(),
                    logger: quiet)
            }
            for index in 0..<5 {
                await loop(index == 3 ? .commit : nil).step()
                node.clock.advance(by: .seconds(60))
            }
            let remaining = try names(in: node.folder)
            #expect(remaining == ["d-20261121T075827Z.csv", "d-20261121T080027Z.csv"])
        }
    }
}
