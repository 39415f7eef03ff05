import AsyncHTTPClient
import JSONValues
import ManagementAPI
import NIOCore
import NIOHTTP1

extension Operator {
    /// Columns of events.
    package static let eventColumns = [
        Presentation.Column("TIME", "time"), .init("GROUP", "group"), .init("KIND", "kind"),
        .init("WHAT", "sentence"),
    ]

    /// Shows events as they happen, until the task is cancelled; a stream that ends is taken up where it ended.
    /// - Throws: `ControlError` when the API refuses, or cannot be reached at the beginning.
    package func follow(after: Int64?, group: String?, kind: String?) async throws(ControlError) {
        // Without a place to begin at, a stream that ends before its first event would lose those of the pause.
        var last = after
        if last == nil { last = try await newestEvent() }
        var isFirst = true
        while !Task.isCancelled {
            do throws(ControlError) {
                let response = try await client.stream(
                    query: [("after", last.map { "\($0)" }), ("group", group), ("kind", kind)])
                isFirst = false
                last = await show(response, from: last)
            } catch {
                guard error.kind == .unreachable, !isFirst else { throw error }
            }
            do {
                try await client.pause(.seconds(2))
            } catch {
                return
            }
        }
    }

    private func newestEvent() async throws(ControlError) -> Int64 {
        let answer = try await client.call(.GET, "/v1/events", query: [("limit", "1")])
        return answer.body["items"]?.elements.last?["id"]?.integer ?? 0
    }

    /// - Returns: the id of the last event.
    private func show(_ response: HTTPClientResponse, from start: Int64?) async -> Int64? {
        var last = start
        var lines = EventLines()
        do {
            for try await part in response.body {
                for event in lines.take(part) {
                    last = event["id"]?.integer ?? last
                    terminal.say(line(event))
                }
            }
        } catch {
            return last
        }
        return last
    }

    private func line(_ event: JSONValue) -> String {
        switch presentation {
        case .json: String(decoding: event.bytes(), as: UTF8.self) + "\n"
        case .yaml: "---\n" + YAMLText.write(event)
        case .table:
            ["time", "group", "kind", "sentence"].map { Presentation.shown(event[$0]) }.joined(separator: "  ") + "\n"
        }
    }
}

/// The events in a stream of server-sent events, of which Drover writes each `data` in one line.
struct EventLines {
    private var rest: [UInt8] = []

    /// Takes a part of the stream and returns the events that are complete.
    mutating func take(_ part: ByteBuffer) -> [JSONValue] {
        rest += part.readableBytesView
        var events: [JSONValue] = []
        while let end = rest.firstIndex(of: 0x0A) {
            let line = String(decoding: rest[..<end], as: UTF8.self)
            rest.removeFirst(end + 1)
            guard line.hasPrefix("data: "), let event = try? YAMLText.json(String(line.dropFirst(6))) else { continue }
            events.append(event)
        }
        return events
    }
}
