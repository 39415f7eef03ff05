import Foundation
import Testing

@testable import FakeProxySQL

/// A recorded conversation: statements, and what was answered.
struct Dialogue {
    /// One statement of it.
    struct Turn: Sendable {
        var line: Int
        var statement: String
        var expectations: [String] = []

        /// Nil when `reply` is what was recorded, else what was expected instead.
        func difference(from reply: AdminReply) -> String? {
            var rows: [String] = []
            switch reply {
            case .ok(let affected, _):
                if expectations == ["ok"] || expectations == ["ok \(affected)"] { return nil }
            case .error(let message):
                let prefix = "ProxySQL Admin Error: "
                if message.hasPrefix(prefix), expectations == ["error \(message.dropFirst(prefix.count))"] {
                    return nil
                }
            case .rows(let columns, let values):
                rows = values.map { "row " + $0.map { $0 ?? "\\N" }.joined(separator: "|") }
                let names = "columns " + columns.joined(separator: "|")
                let wanted = expectations.filter { !$0.hasPrefix("columns ") }
                let wantedNames = expectations.first { $0.hasPrefix("columns ") }
                // Columns alone mean that the rows vary.
                if wantedNames ?? names == names, wanted == rows || (wanted.isEmpty && wantedNames != nil) {
                    return nil
                }
            case .gone: break
            }
            return "line \(line): \(statement)\n  expected \(expectations)\n  got \(reply)"
        }
    }

    var turns: [Turn] = []

    /// Reads `Tests/Fixtures/proxysql/<name>`; its first lines explain the notation.
    init(_ name: String, file: String = #filePath) throws {
        let tests = URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: tests.appending(path: "Fixtures/proxysql/\(name)"), encoding: .utf8)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.hasPrefix("> ") {
                turns.append(Turn(line: index + 1, statement: String(line.dropFirst(2))))
            } else if !line.isEmpty, !line.hasPrefix("#"), !turns.isEmpty {
                turns[turns.count - 1].expectations.append(String(line))
            }
        }
    }
}

@Suite("The recorded dialogues")
struct DialogueTests {
    @Test("the simulated node answers as ProxySQL 2.7.1 was recorded")
    func simulator() async throws {
        let configuration = NodeConfiguration(name: "n", address: PeerAddress(host: "127.0.3.9", port: 6032))
        let node = try ProxySQLNode(configuration, wallClock: TestTime())
        let turns = try Dialogue("dialogue.txt").turns
        #expect(turns.count > 80)
        for turn in turns {
            let difference = turn.difference(from: await node.execute(turn.statement).reply)
            #expect(difference == nil)
        }
    }
}
