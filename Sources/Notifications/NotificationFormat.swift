package import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How a message looks.
package enum NotificationFormat: Hashable, Sendable {
    /// `{"text": …}`, as Slack's incoming webhooks take it, and Mattermost's, Rocket.Chat's and Chester's readers.
    case slack
    /// One JSON document for each event.
    case json

    /// How many events one message may tell.
    package var capacity: Int {
        switch self {
        case .slack: 20
        case .json: 1
        }
    }

    /// The message's bytes.
    ///
    /// - Parameters:
    ///   - events: at least one, at most `capacity`.
    ///   - missed: events before these that were dropped from the log unread.
    package func message(_ events: [FleetEvent], missed: Int64, at now: Timestamp) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        switch self {
        case .slack:
            let text = Self.text(events, missed: missed, at: now)
            return (try? encoder.encode(["text": text])).map(Array.init) ?? []
        case .json:
            return events.first.flatMap { try? encoder.encode(EventDocument($0, missed: missed)) }.map(Array.init) ?? []
        }
    }

    /// A line for each event. A person who reads it on a phone at night sees first how bad it is and whom it is about.
    static func text(_ events: [FleetEvent], missed: Int64, at now: Timestamp) -> String {
        var lines = events.map { line($0, at: now) }
        if missed > 0 {
            lines.insert(":warning: \(missed) earlier events were dropped before they could be told.", at: 0)
        }
        return lines.joined(separator: "\n")
    }

    /// Beyond this a sentence is cut: Slack recommends at most 4,000 characters a message (its documentation of
    /// chat.postMessage, "text").
    private static let longestLine = 1_000

    private static func line(_ event: FleetEvent, at now: Timestamp) -> String {
        let mark =
            switch event.severity {
            case .info: ":information_source:"
            case .warning: ":warning:"
            case .error: ":red_circle:"
            }
        var sentence = event.sentence
        if sentence.count > longestLine { sentence = sentence.prefix(longestLine) + "…" }
        // What comes late says so: it may be otherwise by now.
        let late = now.since(event.time) > .seconds(120) ? " (\(event.time.rfc3339))" : ""
        return "\(mark) *\(escaped(event.group.text))* \(escaped(sentence))\(late)"
    }

    /// Slack's three control characters (its documentation, "Formatting text for app surfaces").
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\n", "\r", "\r\n": result += " "
            default: result.append(character)
            }
        }
        return result
    }
}

/// An event as `GET /v1/events` shows it.
private struct EventDocument: Encodable {
    var id: Int64
    var time: String
    var group: String
    var kind: String
    var severity: String
    var sentence: String
    var fields: [String: String]
    /// Absent where nothing was missed.
    var missed: Int64?

    init(_ event: FleetEvent, missed: Int64) {
        id = event.id
        time = event.time.rfc3339
        group = event.group.text
        kind = event.kind.rawValue
        severity = event.severity.rawValue
        sentence = event.sentence
        fields = event.fields
        self.missed = missed > 0 ? missed : nil
    }
}
