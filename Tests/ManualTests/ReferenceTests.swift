import Foundation
import Manual
import Testing

@testable import drover

@Suite("The reference part of the manual")
struct ReferenceTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test("is what the sources say")
    func drift() throws {
        let folder = Self.root.appendingPathComponent("docs/reference")
        for page in try ReferenceCommand.pages() {
            let committed = try? String(contentsOf: folder.appendingPathComponent(page.file), encoding: .utf8)
            // The pages are long: the first line that differs says more than both of them.
            let wanted = page.text.split(separator: "\n", omittingEmptySubsequences: false)
            let present = (committed ?? "").split(separator: "\n", omittingEmptySubsequences: false)
            let line = zip(wanted, present).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            let number = line ?? min(wanted.count, present.count)
            #expect(
                committed == page.text,
                "docs/reference/\(page.file) has drifted at line \(number + 1); run '\(Manual.command)' and commit it")
        }
    }

    @Test("no metric, route or exit code stands outside of its catalogue")
    func catalogues() throws {
        let forbidden = [
            (#"\b(Counter|Gauge|Timer|Recorder|Meter|FloatingPointCounter)\("#, ["Observability"]),
            (#"\b[rR]outer\.(get|put|post|patch|delete|head)\("#, ["FakeGoogle", "FakeKubernetes", "FakeProxySQL"]),
            (#"ExitCode(\(|\.)"#, ["ProgramExit.swift"]),
        ]
        let sources = Self.root.appendingPathComponent("Sources")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for (pattern, allowed) in forbidden where !allowed.contains(where: { file.path.contains("/\($0)") }) {
                let found = try Regex(pattern).firstMatch(in: text)
                #expect(found == nil, "\(file.path) has \(found.map { "\($0.output[0].substring ?? "")" } ?? "")")
            }
        }
    }

    @Test("no metric has a label that Prometheus gives the targets, and would rename")
    func labels() throws {
        let page = try #require(try ReferenceCommand.pages().first { $0.file == "metrics.md" })
        let rows = page.text.split(separator: "\n").filter { $0.hasPrefix("| `drover_") }
        #expect(!rows.isEmpty)
        for row in rows {
            let labels = row.split(separator: "|")[2]
            #expect(!labels.contains("`instance`") && !labels.contains("`job`"), "\(row)")
        }
    }

    @Test("every page has a heading and no empty cell for a meaning")
    func complete() throws {
        for page in try ReferenceCommand.pages() {
            #expect(page.text.contains("\n# "))
            #expect(!page.text.contains("|  |\n"), "\(page.file) explains something with nothing")
        }
    }
}
