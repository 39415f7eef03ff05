import FleetModel
import Hummingbird
import JSONValues
import Logging
import Pacing

/// What a person can force where the scaler waits for somebody: to let go of a replica, to try a step again, to close an
/// incident whose closing never came, and to take away rows of a group that there is no more.
struct OrderRoutes: Sendable {
    let parts: APIParts

    var operations: [Operation] {
        [
            Operation(
                .post, "/v1/groups/{group}/replicas/{replica}/forget", "forgetReplica",
                "Lets go of a managed replica: its rows leave every node, its record ends, its instance is not deleted.",
                role: .operate, answers: [.init(200, "Group")], handler: forget
            ).taking(.dryRun, .ifMatch).withBody("Order"),
            Operation(
                .post, "/v1/groups/{group}/replicas/{replica}/retry", "retryReplica",
                "Tries the present step of a replica again now, with its deadline begun anew.", role: .operate,
                answers: [.init(200, "Group")], handler: retry
            ).taking(.dryRun, .ifMatch).withBody("Order"),
            Operation(
                .post, "/v1/incidents/{incident}/close", "closeIncident",
                "Closes an incident whose closing never came; a later notification of it changes nothing.",
                role: .operate, answers: [.init(200, "Incident")], handler: close
            ).withBody("Order"),
            Operation(
                .post, "/v1/groups/{group}/purge", "purgeGroup",
                "Takes the rows of a group that is not registered from every node, for an hour, whoever uses them.",
                role: .admin, answers: [.init(202, "Purge")], handler: purge
            ).withBody("Order"),
        ]
    }

    // MARK: Replicas

    @Sendable private func forget(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let why = try await reason(request)
        let who = context.caller.name
        return try await order(request, context) { record, name, now throws(APIError) in
            guard let replica = record.replicas.first(where: { $0.name == name }) else {
                throw .notFound("\(record.name) manages no replica \(name)")
            }
            let reason = "\(who) gave it up" + (why.isEmpty ? "" : " (\(why))")
            record.leave(name, because: reason, at: now)
            guard replica.leaving == nil else { return "\(name) is being left to its owner already" }
            let rows =
                record.weight(of: name) == nil
                ? "no node has a row for it" : "it takes no new connections, and its rows leave every node"
            return "\(name), which is \(replica.state.rawValue): \(rows); then its record ends. Its instance is not "
                + "deleted and goes on costing until somebody deletes it in Cloud SQL"
        }
    }

    @Sendable private func retry(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        _ = try await reason(request)
        return try await order(request, context) { record, name, now throws(APIError) in
            let replica = record.replicas.first { $0.name == name }
            guard replica != nil || record.replicas.count < record.policy.maximumReplicas else {
                throw .conflict(
                    "\(record.name) manages \(record.replicas.count) replicas, its maximum: one more would be removed and "
                        + "its instance deleted; raise policy.maximumReplicas first")
            }
            guard record.retry(name, at: now) else {
                guard replica != nil else { throw .notFound("\(record.name) knows no replica \(name)") }
                throw .conflict("\(name) serves; there is nothing to try again")
            }
            guard let replica else {
                return "\(name) was left to its owner; it is managed again if Cloud SQL still shows it with this "
                    + "group's labels and primary"
            }
            return "\(name) is tried again in state \(replica.state.rawValue), with a new deadline"
        }
    }

    /// Changes the group's record by `body`, which says in a sentence what comes of it. A group that is being removed
    /// takes orders too: that is when one is needed most.
    private func order(
        _ request: Request, _ context: ManagementContext,
        _ body: (inout GroupRecord, InstanceName, Timestamp) throws(APIError) -> String
    ) async throws(APIError) -> Response {
        let group = try parts.groupName(context)
        let terms = try parts.writeTerms(request, context)
        let replica: InstanceName
        do throws(InvalidName) {
            replica = try InstanceName(context.text("replica"), kind: "replica")
        } catch {
            throw .bad("the replica's name cannot be used: \(error.rule)")
        }
        var effect = ""
        let outcome = try await parts.editor.change(group, terms) { scene throws(APIError) in
            guard var record = scene.current else { throw .notFound("there is no group \(group)") }
            effect = try body(&record, replica, scene.now)
            return record
        }
        if terms.isDryRun {
            return APIAnswer.json(try ChangePreview.document(outcome, effects: outcome.hasChanged ? [effect] : []))
        }
        parts.tellOf(outcome, context)
        return APIAnswer.group(GroupDocument.shown(outcome.after), EntityTag(outcome.after, outcome.version))
    }

    // MARK: Incidents

    @Sendable private func close(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let why = try await reason(request).nonEmpty ?? "its closing never came"
        let id = context.text("incident")
        for _ in 0..<8 {
            do throws(StoreError) {
                guard let stored = try await parts.incidents.incident(id: id) else { break }
                var incident = stored.document
                let now = parts.wallClock.now()
                if incident.close(by: context.caller.name, because: why, at: now) {
                    try await parts.incidents.save(incident, ifVersion: stored.version)
                    try await note(incident, why, request, context, now)
                }
                return APIAnswer.json(GroupDocument.incident(incident))
            } catch .conflict {
                continue  // The scaler or the webhook saved it in between.
            } catch {
                throw APIError(error)
            }
        }
        throw .notFound("there is no incident of that id")
    }

    /// Keeps who closed it and why in the audit log, for an incident of a group that exists.
    private func note(
        _ incident: Incident, _ why: String, _ request: Request, _ context: ManagementContext, _ now: Timestamp
    ) async throws(StoreError) {
        parts.logger.notice(
            "incident closed",
            metadata: [
                "incident.id": "\(incident.id)", "group.name": "\(incident.group)",
                "caller.name": "\(context.caller.name)", "close.reason": "\(why)",
            ])
        guard let group = try await parts.store.group(incident.group) else { return }
        let note = ChangeNote(
            at: now, actor: context.caller.name, source: context.sourceAddress,
            action: "\(request.method.rawValue) \(request.uri.path): \(why)")
        try await parts.store.keep(note, of: group.document)
    }

    // MARK: Rows of no group

    @Sendable private func purge(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let why = try await reason(request)
        let group = try parts.groupName(context)
        let now = parts.wallClock.now()
        var tombstone: GroupTombstone
        let isRegistered: Bool
        do throws(StoreError) {
            isRegistered = try await parts.store.group(group) != nil
            tombstone = try await parts.store.tombstone(of: group) ?? GroupTombstone(group: group, at: now)
            // What is too old is believed no more.
            if !tombstone.isBelieved(at: now) { tombstone.at = now }
            tombstone.purgeUntil = now.advanced(by: GroupTombstone.purgeLifetime)
            if !isRegistered {
                let note = ChangeNote(
                    at: now, actor: context.caller.name, source: context.sourceAddress,
                    action: "\(request.method.rawValue) \(request.uri.path)\(why.isEmpty ? "" : ": \(why)")")
                try await parts.store.keep(tombstone, note: note)
            }
        } catch {
            throw APIError(error)
        }
        guard !isRegistered else {
            throw .conflict("group \(group) is registered; remove it, which takes its rows away")
        }
        parts.logger.notice(
            "rows of a group that is not registered are to go",
            metadata: ["group.name": "\(group)", "caller.name": "\(context.caller.name)", "purge.reason": "\(why)"])
        return APIAnswer.json(
            ["group": .string(group.text), "until": .optional(tombstone.purgeUntil?.text)] as JSONValue, .accepted)
    }

    // MARK: The body

    /// `reason`, which may be absent, as may the body.
    private func reason(_ request: Request) async throws(APIError) -> String {
        let bytes = try await parts.bytes(request)
        guard !bytes.isEmpty else { return "" }
        guard JSONDepth.of(bytes) <= JSONDepth.maximum, let value = try? JSONValue(bytes) else {
            throw .bad("the body is not JSON")
        }
        var reader = ObjectReader(value, at: "")
        let reason = reader.text("reason") ?? ""
        if reason.utf8.count > 1_000 { reader.note("reason", "it may have 1000 bytes") }
        // Who orders says why, or nothing: null is neither.
        if value.object?["reason"] == .null { reader.note("reason", "it must be a text") }
        reader.finish()
        if let error = APIError(reader.problems) { throw error }
        return reason
    }
}
