import FakeGoogle
import FleetModel
import JSONValues
package import Pacing
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Tells a story as it happens, to a person or to a program, and counts what was checked.
package final class Narrator: Sendable {
    /// To whom it is told.
    package enum Style: Sendable {
        /// Lines with the time since the beginning.
        case text
        /// One JSON object a line.
        case json
    }

    private let style: Style
    private let wallClock: any WallClock
    private let start: Timestamp
    private let write: @Sendable (String) -> Void
    private let counts = Mutex((checks: 0, failed: 0))

    /// Tells to `write`, a line at a time.
    package init(style: Style, wallClock: any WallClock, write: @escaping @Sendable (String) -> Void) {
        self.style = style
        self.wallClock = wallClock
        self.start = wallClock.now()
        self.write = write
    }

    /// How many facts were checked, and how many of them were not so.
    package var verdict: (checks: Int, failed: Int) { counts.withLock { $0 } }

    /// Something that the story does.
    func tell(_ event: String, _ sentence: String, _ details: [String: JSONValue] = [:]) {
        line("demo.\(event)", "   ", sentence, details)
    }

    /// Something that still has to come true.
    func wait(_ sentence: String) {
        line("demo.waiting", " … ", sentence, [:])
    }

    /// A fact that was read back from the other side.
    func check(_ isTrue: Bool, _ sentence: String, _ details: [String: JSONValue] = [:]) {
        counts.withLock { counts in
            counts.checks += 1
            if !isTrue { counts.failed += 1 }
        }
        line("demo.checked", isTrue ? " ✓ " : " ✗ ", sentence, details.merging(["ok": .bool(isTrue)]) { $1 })
    }

    /// What somebody needs who has to find out why a fact did not come true: told in full to people too.
    func evidence(_ sentence: String, _ details: [String: JSONValue]) {
        line("demo.evidence", "   ", sentence, details)
        guard style == .text else { return }
        for (name, value) in details.sorted(by: { $0.key < $1.key }) {
            for line in value.array ?? [value] {
                write("            \(name): \(line.string ?? String(decoding: line.bytes(), as: UTF8.self))")
            }
        }
    }

    /// The last word.
    package func finish(_ problem: String?) -> Bool {
        let (checks, failed) = verdict
        let isFine = problem == nil && failed == 0 && checks > 0
        switch style {
        case .json:
            var members: [String: JSONValue] = [
                "ok": .bool(isFine), "checks": .whole(checks), "failed": .whole(failed),
            ]
            if let problem { members["problem"] = .string(problem) }
            write(Self.json("demo.finished", members))
        case .text:
            if let problem { write("\(elapsed)  ✗ \(problem)") }
            write(isFine ? "demo: ok, \(checks) checks" : "demo: FAILED, \(failed) of \(checks) checks were not so")
        }
        return isFine
    }

    private var elapsed: String {
        let tenths = wallClock.now().since(start).wholeMilliseconds / 100
        let text = "\(tenths / 10).\(tenths % 10) s"
        return String(repeating: " ", count: max(0, 8 - text.count)) + text
    }

    private func line(_ event: String, _ sign: String, _ sentence: String, _ details: [String: JSONValue]) {
        switch style {
        case .text:
            write("\(elapsed) \(sign)\(sentence)")
        case .json:
            let seconds = Double(wallClock.now().since(start).wholeMilliseconds) / 1_000
            write(Self.json(event, details.merging(["text": .string(sentence), "seconds": .number(seconds)]) { $1 }))
        }
    }

    /// The event's name comes first, as people who read along expect.
    private static func json(_ event: String, _ members: [String: JSONValue]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        let order = ["ok", "checks", "failed"]
        let keys = members.keys.sorted {
            (order.firstIndex(of: $0) ?? order.count, $0) < (order.firstIndex(of: $1) ?? order.count, $1)
        }
        let parts = keys.map { key in
            let data = (try? encoder.encode(members[key])) ?? Data("null".utf8)
            return "\"\(key)\":\(String(decoding: data, as: UTF8.self))"
        }
        return "{\"event\":\"\(event)\"" + parts.map { "," + $0 }.joined() + "}"
    }
}
