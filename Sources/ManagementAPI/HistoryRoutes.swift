import FleetModel
import Hummingbird
import JSONValues

/// What a group was, and who changed it.
struct HistoryRoutes: Sendable {
    let parts: APIParts

    var operations: [Operation] {
        [
            Operation(
                .get, "/v1/groups/{group}/history", "listGenerations", "Lists a group's generations, newest first.",
                answers: [.init(200, "ChangePage")], handler: history
            ).taking(.limit, .init(name: "before", meaning: "Only older generations.", schema: ["type": "integer"])),
            Operation(
                .get, "/v1/groups/{group}/history/{generation}", "getGeneration", "Shows a group as it was.",
                answers: [.init(200, "Group")], handler: generation),
            Operation(
                .post, "/v1/groups/{group}/rollback", "rollbackGroup",
                "Gives a group the content of an earlier generation; managed replicas stay.", role: .admin,
                answers: [.init(200, "Group")], handler: rollback
            ).taking(.dryRun, .adopt, .ifMatch).withBody("Rollback"),
            Operation(
                .get, "/v1/audit", "listAudit", "Lists who changed which group, newest first.",
                answers: [.init(200, "ChangePage")], handler: audit
            ).taking(
                .limit, .init(name: "before", meaning: "Only changes of a lower id.", schema: ["type": "integer"]),
                .text("actor", "Only changes by that caller.")),
        ]
    }

    @Sendable private func history(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let name = try parts.groupName(context)
        let limit = try parts.limit(request)
        let found = try await changes(of: name, before: try parts.number("before", request), limit: limit + 1)
        // The history outlives its group, so that a removal can be looked up.
        guard !found.isEmpty || request.uri.queryParameters.get("before") != nil else {
            throw .notFound("there is and was no group \(name)")
        }
        return page(found, limit) { $0.generation }
    }

    @Sendable private func generation(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let name = try parts.groupName(context)
        guard let number = Int64(context.text("generation")), number > 0, number < .max else {
            throw .bad("a generation is a whole number from 1")
        }
        return APIAnswer.json(GroupDocument.shown(try await record(of: name, at: number)))
    }

    @Sendable private func rollback(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        var reader = ObjectReader(try await parts.json(request), at: "")
        let wanted = reader.integer("generation")
        if wanted == nil, reader.problems.isEmpty { reader.note("generation", "it is missing") }
        if let wanted, !(1..<Int.max).contains(wanted) {
            reader.note("generation", "it must be a whole number from 1")
        }
        reader.finish()
        if let error = APIError(reader.problems) { throw error }
        let name = try parts.groupName(context)
        let earlier = try await record(of: name, at: Int64(wanted ?? 0))
        return try await parts.change(request, context) { scene, _ throws(APIError) in
            guard let current = scene.current else { throw .notFound("there is no group \(name)") }
            return Rollback.record(current, to: earlier)
        }
    }

    @Sendable private func audit(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let limit = try parts.limit(request)
        let actor = request.uri.queryParameters.get("actor")
        var before = try parts.number("before", request)
        var found: [GroupChange] = []
        // A rare actor must not cost a look at everything: what was not reached is on the next page.
        for _ in 0..<20 where found.count <= limit {
            let batch: [GroupChange]
            do throws(StoreError) {
                batch = try await parts.store.changes(before: before, limit: 500)
            } catch {
                throw APIError(error)
            }
            found += batch.filter { actor == nil || $0.note.actor == actor }
            guard let last = batch.last, batch.count == 500 else { break }
            before = last.id
        }
        return page(found, limit) { $0.id }
    }

    private func page(_ found: [GroupChange], _ limit: Int, _ cursor: (GroupChange) -> Int64) -> Response {
        let shown = found.prefix(limit)
        return APIAnswer.json(
            [
                "items": .array(
                    shown.map {
                        [
                            "id": .integer($0.id), "group": .string($0.group.text),
                            "generation": .integer($0.generation),
                            "at": .string($0.note.at.text), "actor": .string($0.note.actor),
                            "source": .string($0.note.source), "action": .string($0.note.action),
                        ]
                    }),
                "next": found.count > limit ? shown.last.map { .integer(cursor($0)) } ?? .null : .null,
            ] as JSONValue)
    }

    private func changes(
        of name: InstanceName, before: Int64?, limit: Int
    ) async throws(APIError) -> [GroupChange] {
        do throws(StoreError) {
            return try await parts.store.history(of: name, before: before, limit: limit)
        } catch {
            throw APIError(error)
        }
    }

    private func record(of name: InstanceName, at generation: Int64) async throws(APIError) -> GroupRecord {
        let found = try await changes(of: name, before: generation + 1, limit: 1).first
        guard let found, found.generation == generation, let record = found.record else {
            throw .notFound("the generation \(generation) of \(name) is not kept; the history lists those that are")
        }
        return record
    }
}
