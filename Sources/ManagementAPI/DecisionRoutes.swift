import FleetModel
import Hummingbird
import JSONValues
import Pacing

/// What was decided about a group's size, and what a person can say to it.
struct DecisionRoutes: Sendable {
    let parts: APIParts

    var operations: [Operation] {
        [
            Operation(
                .get, "/v1/groups/{group}/decisions", "listDecisions",
                "Lists the decisions about a group's size, newest first, each with what was looked at.",
                answers: [.init(200, "DecisionPage")], handler: decisions
            ).taking(.limit, .text("before", "Only decisions that began before this time (RFC 3339).")),
            Operation(
                .post, "/v1/groups/{group}/pause", "pauseGroup", "Holds adding, removing or both, until a moment.",
                role: .operate, answers: [.init(200, "Group")], handler: pause
            ).taking(.dryRun, .ifMatch).withBody("Pause"),
            Operation(
                .post, "/v1/groups/{group}/resume", "resumeGroup", "Ends pauses and the pin.", role: .operate,
                answers: [.init(200, "Group")], handler: resume
            ).taking(.dryRun, .ifMatch).withBody("Resume"),
            Operation(
                .post, "/v1/groups/{group}/pin", "pinGroup", "Keeps a group at a size, until a moment.",
                role: .operate, answers: [.init(200, "Group")], handler: pin
            ).taking(.dryRun, .ifMatch).withBody("Pin"),
        ]
    }

    @Sendable private func decisions(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let group = try await parts.group(context).document.name
        let limit = try parts.limit(request)
        var before: Timestamp?
        if let text = request.uri.queryParameters.get("before") {
            before = Timestamp(rfc3339: text)
            if before == nil { throw .bad("the parameter before must be a time such as 2026-12-24T18:00:00Z") }
        }
        var found: [DecisionEntry] = []
        if let store = parts.decisions {
            do throws(StoreError) {
                found = try await store.decisions(of: group, limit: limit + 1, before: before)
            } catch {
                throw APIError(error)
            }
        }
        let shown = found.prefix(limit)
        return APIAnswer.json(
            [
                "items": .array(shown.map(Self.document)),
                "next": found.count > limit ? .optional(shown.last?.firstAt.rfc3339) : .null,
            ] as JSONValue)
    }

    /// The entry as it is kept, with its moments as people write them.
    static func document(_ entry: DecisionEntry) -> JSONValue {
        withTimes((try? JSONValue(encoding: entry)) ?? .null)
    }

    private static let moments: Set<String> = ["firstAt", "lastAt", "notBefore", "measuredAt"]

    private static func withTimes(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): .array(elements.map(withTimes))
        case .object(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.map { name, value in
                        if moments.contains(name), let number = value.integer {
                            return (name, .string(Timestamp(millisecondsSinceEpoch: number).text))
                        }
                        return (name, withTimes(value))
                    }))
        default: value
        }
    }

    // MARK: What a person can say

    private enum Direction: String, CaseIterable {
        case out, `in`, both
    }

    @Sendable private func pause(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        var reader = ObjectReader(try await parts.json(request), at: "")
        let direction = reader.word("direction", Direction.self) ?? .both
        let hold = OperatorHold(until: until(&reader), reason: reason(&reader))
        reader.finish()
        if let error = APIError(reader.problems) { throw error }
        return try await change(request, context) { policy in
            if direction != .in { policy.scaleOutPause = hold }
            if direction != .out { policy.scaleInPause = hold }
        }
    }

    @Sendable private func resume(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let bytes = try await parts.bytes(request)
        var body = JSONValue.object([:])
        if !bytes.isEmpty {
            guard JSONDepth.of(bytes) <= JSONDepth.maximum, let value = try? JSONValue(bytes) else {
                throw .bad("the body is not JSON")
            }
            body = value
        }
        var reader = ObjectReader(body, at: "")
        let direction = reader.word("direction", Direction.self) ?? .both
        reader.finish()
        if let error = APIError(reader.problems) { throw error }
        return try await change(request, context) { policy in
            if direction != .in { policy.scaleOutPause = nil }
            if direction != .out { policy.scaleInPause = nil }
            if direction == .both { policy.pin = nil }
        }
    }

    @Sendable private func pin(_ request: Request, _ context: ManagementContext) async throws(APIError) -> Response {
        var reader = ObjectReader(try await parts.json(request), at: "")
        let size = reader.integer("size")
        if size == nil, reader.problems.isEmpty { reader.note("size", "it is missing") }
        if let size, !(0...1_000).contains(size) { reader.note("size", "it must be 0 to 1000") }
        let pin = SizePin(size: size ?? 0, until: until(&reader), reason: reason(&reader))
        reader.finish()
        if let error = APIError(reader.problems) { throw error }
        return try await change(request, context) { $0.pin = pin }
    }

    /// `until`, or `forSeconds` from now, or an hour.
    private func until(_ reader: inout ObjectReader) -> Timestamp {
        let now = parts.wallClock.now()
        if let text = reader.text("until") {
            if reader.any("forSeconds") != nil { reader.note("forSeconds", "it cannot stand beside until") }
            guard let moment = Timestamp(rfc3339: text), moment > now else {
                reader.note("until", "it must be a time in the future such as 2026-12-24T18:00:00Z")
                return now
            }
            return moment
        }
        guard let seconds = reader.seconds("forSeconds") else { return now.advanced(by: .seconds(3_600)) }
        guard (1...31_536_000).contains(seconds) else {
            reader.note("forSeconds", "it must be 1 to 31536000")
            return now
        }
        return now.advanced(by: .milliseconds(Int64(seconds * 1_000)))
    }

    private func reason(_ reader: inout ObjectReader) -> String {
        let reason = reader.text("reason") ?? ""
        if reason.utf8.count > 1_000 { reader.note("reason", "it may have 1000 bytes") }
        return reason
    }

    private func change(
        _ request: Request, _ context: ManagementContext, _ body: (inout ScalingPolicy) -> Void
    ) async throws(APIError) -> Response {
        let name = try parts.groupName(context)
        return try await parts.change(request, context) { scene, _ throws(APIError) in
            guard var record = scene.current else { throw .notFound("there is no group \(name)") }
            body(&record.policy)
            if let error = APIError(PolicyJSON.problems(record.policy, at: "/policy")) { throw error }
            return record
        }
    }
}
