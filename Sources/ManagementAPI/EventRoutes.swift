import FleetModel
import HTTPTypes
import Hummingbird
import JSONValues
import NIOCore
import Pacing
import ServiceLifecycle
import Synchronization

/// What happened, as it happens: server-sent events (WHATWG HTML, "Server-sent events") or a list.
struct EventRoutes: Sendable {
    let parts: APIParts

    /// Between two comments on a quiet stream, so that proxies keep it open and a dead client is noticed.
    private static let heartbeat = Duration.seconds(15)
    private static let batch = 200
    /// Events that one answer may cost reading.
    private static let maximumRead = 20_000

    var operations: [Operation] {
        [
            Operation(
                .get, "/v1/events", "streamEvents",
                "Streams what happens to groups, incidents, replicas, nodes and decisions; with Accept: "
                    + "application/json, lists the newest.",
                answers: [.init(200, nil, mediaType: "text/event-stream"), .init(200, "EventList")], handler: events
            ).taking(
                .limit, .text("group", "Only events of that group."),
                .text("kind", "Only events of these kinds, separated by commas."),
                .init(
                    name: "after", meaning: "Begins behind that id; 0 begins with the oldest that is kept.",
                    schema: ["type": "integer", "minimum": 0]),
                .init(
                    name: "Last-Event-ID", place: .header, meaning: "The same as `after`, as browsers send it.",
                    schema: ["type": "string"]))
        ]
    }

    /// Which events are wanted.
    private struct Selection: Sendable {
        var group: InstanceName?
        var kinds: Set<String>?

        func takes(_ event: FleetEvent) -> Bool { kinds?.contains(event.kind.rawValue) ?? true }
    }

    @Sendable private func events(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        guard let log = parts.events else { throw .notFound("this process keeps no event log") }
        let query = request.uri.queryParameters
        var selection = Selection()
        if let name = query.get("group") {
            guard let group = try? InstanceName(name) else { throw .bad("the parameter group cannot be a name") }
            selection.group = group
        }
        selection.kinds = query.get("kind").map { Set($0.split(separator: ",").map(String.init)) }
        if let unknown = selection.kinds?.first(where: { FleetEvent.Kind(rawValue: $0) == nil }) {
            throw .bad("no events are of the kind \(unknown)")
        }
        let limit = try parts.limit(request)
        var after = try parts.number("after", request)
        if let name = HTTPField.Name("Last-Event-ID"), let text = request.headers[name], let id = Int64(text), id >= 0 {
            after = id
        }
        if request.headers[.accept]?.contains("application/json") == true {
            return try await list(log, selection, after, limit)
        }
        // An id that was not given yet is of another log: its client would wait for as long as this one is shorter.
        let newest = try await newest(log, nil, 1).first?.id ?? 0
        return try stream(log, selection, from: min(after ?? newest, newest), context)
    }

    private func list(
        _ log: any EventLog, _ selection: Selection, _ after: Int64?, _ limit: Int
    ) async throws(APIError) -> Response {
        let found =
            if let after {
                try await oldest(log, selection, after, limit)
            } else {
                Array(try await newest(log, selection, limit).reversed())
            }
        return APIAnswer.json(["items": .array(found.map(Self.document))] as JSONValue)
    }

    /// The first that are wanted behind `after`.
    private func oldest(
        _ log: any EventLog, _ selection: Selection, _ after: Int64, _ limit: Int
    ) async throws(APIError) -> [FleetEvent] {
        var found: [FleetEvent] = []
        var last = after
        for _ in 0..<(Self.maximumRead / Self.batch) {
            let batch: [FleetEvent]
            do throws(StoreError) {
                batch = try await log.events(after: last, group: selection.group, limit: Self.batch)
            } catch {
                throw APIError(error)
            }
            found += batch.filter(selection.takes)
            last = batch.last?.id ?? last
            if found.count >= limit || batch.count < Self.batch { break }
        }
        return Array(found.prefix(limit))
    }

    /// The last that are wanted, newest first. Kinds can be rare, so more is read until enough of them are found.
    private func newest(
        _ log: any EventLog, _ selection: Selection, _ limit: Int
    ) async throws(APIError) -> [FleetEvent] {
        var window = limit
        while true {
            let read = try await newest(log, selection.group, window)
            let found = read.filter(selection.takes)
            if found.count >= limit || read.count < window || window >= Self.maximumRead {
                return Array(found.prefix(limit))
            }
            window = min(window * 8, Self.maximumRead)
        }
    }

    private func newest(
        _ log: any EventLog, _ group: InstanceName?, _ limit: Int
    ) async throws(APIError) -> [FleetEvent] {
        do throws(StoreError) {
            return try await log.newest(group: group, limit: limit)
        } catch {
            throw APIError(error)
        }
    }

    private func stream(
        _ log: any EventLog, _ selection: Selection, from start: Int64, _ context: ManagementContext
    ) throws(APIError) -> Response {
        guard let follower = parts.signal.follow() else {
            throw APIError(status: 503, message: "too many clients follow the events; try again later")
        }
        let clock = parts.clock
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                let wakeup = follower.wakeup
                let isEnding = Mutex(false)
                try await withGracefulShutdownHandler {
                    var last = start
                    try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
                    while !isEnding.withLock({ $0 }), !Task.isCancelled {
                        let found = try await log.events(after: last, group: selection.group, limit: Self.batch)
                        last = found.last?.id ?? last
                        let text = found.filter(selection.takes).map(Self.frame).joined()
                        if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
                        guard found.count < Self.batch else { continue }
                        await wakeup.wait(upTo: Self.heartbeat, clock: clock)
                        try await writer.write(ByteBuffer(string: ":\n"))
                    }
                    try await writer.finish(nil)
                } onGracefulShutdown: {
                    isEnding.withLock { $0 = true }
                    wakeup.wake()
                }
            })
    }

    private static func frame(_ event: FleetEvent) -> String {
        // JSON has no line breaks outside of texts, and inside them they are escaped.
        "id: \(event.id)\nevent: \(event.kind.rawValue)\ndata: "
            + "\(String(decoding: document(event).bytes(), as: UTF8.self))\n\n"
    }

    static func document(_ event: FleetEvent) -> JSONValue {
        [
            "id": .integer(event.id), "time": .string(event.time.text), "group": .string(event.group.text),
            "kind": .string(event.kind.rawValue), "severity": .string(event.severity.rawValue),
            "sentence": .string(event.sentence), "fields": .object(event.fields.mapValues { .string($0) }),
        ]
    }
}
