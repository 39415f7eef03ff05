import FleetModel
import Foundation
import Testing

@testable import Notifications

let noon = Timestamp(secondsSinceEpoch: 1_795_262_400)

func event(
    _ kind: FleetEvent.Kind = .replicaServing, _ severity: FleetEvent.Severity = .info,
    _ sentence: String = "Replica r-1 serves reads.", group: String = "main", at time: Timestamp = noon
) throws -> FleetEvent {
    FleetEvent(
        kind, severity, group: try InstanceName(group, kind: "group"), at: time, sentence,
        fields: kind.fields.contains(.replica) ? [.replica: "r-1"] : [:])
}

private func slack(_ events: [FleetEvent], missed: Int64 = 0, at now: Timestamp = noon) throws -> String {
    let bytes = NotificationFormat.slack.message(events, missed: missed, at: now)
    let object = try JSONDecoder().decode([String: String].self, from: Data(bytes))
    #expect(object.count == 1)
    return try #require(object["text"])
}

@Suite("Texts of notifications")
struct FormatTests {
    @Test("a line says how bad it is, whom it is about and what happened")
    func lines() throws {
        let text = try slack([
            event(), event(.replicaFailed, .error, "Replica r-2 cannot serve."), event(.incidentOpened, .warning, "x"),
        ])
        #expect(
            text == """
                :information_source: *main* Replica r-1 serves reads.
                :red_circle: *main* Replica r-2 cannot serve.
                :warning: *main* x
                """)
    }

    @Test("what comes late has its time, and what was lost is said")
    func late() throws {
        let text = try slack([try event()], missed: 7, at: noon.advanced(by: .seconds(600)))
        #expect(
            text == """
                :warning: 7 earlier events were dropped before they could be told.
                :information_source: *main* Replica r-1 serves reads. (2026-11-21T12:00:00Z)
                """)
    }

    @Test("nobody's text can mention people, make links or break the line, and none is endless")
    func escaping() throws {
        let text = try slack([
            event(.incidentOpened, .info, "Alert \"<!channel> & <http://x|y>\"\nfires"),
            event(.replicaFailed, .info, String(repeating: "z", count: 5_000)),
        ])
        let lines = text.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].hasSuffix("Alert \"&lt;!channel&gt; &amp; &lt;http://x|y&gt;\" fires"))
        #expect(lines[1].count < 1_100 && lines[1].hasSuffix("z…"))
    }

    @Test("the JSON document is that of the API")
    func json() throws {
        var event = try event()
        event.id = 42
        let text = String(
            decoding: NotificationFormat.json.message([event], missed: 0, at: noon), as: UTF8.self)
        #expect(
            text == """
                {"fields":{"replica":"r-1"},"group":"main","id":42,"kind":"replica-serving",\
                "sentence":"Replica r-1 serves reads.","severity":"info","time":"2026-11-21T12:00:00Z"}
                """)
    }

    @Test("a filter takes kinds and severities")
    func filter() throws {
        let usual = NotificationFilter("usual", minimum: .info)
        #expect(usual.wants(try event(.replicaServing)))
        #expect(usual.wants(try event(.sizeUnmet, .error)))
        #expect(!usual.wants(try event(.decisionMade)))
        #expect(NotificationFilter("all", minimum: .info).wants(try event(.decisionMade)))
        let errors = NotificationFilter("all", minimum: .error)
        #expect(!errors.wants(try event(.replicaFailed, .warning)))
        #expect(errors.wants(try event(.replicaFailed, .error)))
        let some = NotificationFilter("replica-failed, group-removed", minimum: .info)
        #expect(some.wants(try event(.replicaFailed)))
        #expect(some.wants(try event(.groupRemoved)))
        #expect(!some.wants(try event(.replicaServing)))
    }

    @Test("so many messages at once, then one in each interval, and never fewer for a clock that was set back")
    func rate() {
        var limit = RateLimit(perMinute: 30, at: noon)
        for _ in 0..<5 { #expect(limit.take(at: noon) == nil) }
        #expect(limit.take(at: noon) == .seconds(2))
        #expect(limit.take(at: noon.advanced(by: .seconds(2))) == nil)
        #expect(limit.take(at: noon.advanced(by: .seconds(3))) == .seconds(1))
        let back = noon.advanced(by: .seconds(-86_400))
        let wait = limit.take(at: back)
        #expect((wait ?? .zero) <= .seconds(2))
        var slow = RateLimit(perMinute: 1, at: noon)
        #expect(slow.take(at: noon) == nil)
        #expect(slow.take(at: noon) == .seconds(60))
    }
}
