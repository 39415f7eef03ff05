import Endpoints
import FleetModel
import HTTPTypes
import Hummingbird
import Logging

/// Chester's HTTP API, as its Terraform provider and its own tests speak it.
struct CompatibleRoutes: Sendable {
    let parts: APIParts

    func addRoutes(to router: Router<ManagementContext>) {
        router.serve(CompatibleEndpoint.root) { _, _ in APIAnswer.json(["status": "ok"]) }
        router.serve(CompatibleEndpoint.health) { _, _ in APIAnswer.json(["status": "ok"]) }
        router.serve(CompatibleEndpoint.addDatabase) { request, context in
            do throws(APIError) {
                let (answer, warnings) = try await add(request, context)
                // The body's shape is Chester's.
                return APIAnswer.json(answer, headers: HTTPFields(warnings: warnings))
            } catch {
                return APIAnswer.compatible(error)
            }
        }
        router.serve(CompatibleEndpoint.modifyDatabase) { request, context in
            await compatible { () throws(APIError) in try await modify(request, context) }
        }
        router.serve(CompatibleEndpoint.removeDatabase) { request, context in
            await compatible { () throws(APIError) in try await remove(request, context) }
        }
        router.serve(CompatibleEndpoint.databases) { request, _ in
            await compatible { () throws(APIError) in
                try await parts.groups().filter { $0.document.removal == nil }.map {
                    DatabaseDocument($0.document, withoutManaged: Self.isFiltered(request))
                }
            }
        }
        router.serve(CompatibleEndpoint.database) { request, context in
            await compatible { () throws(APIError) in
                DatabaseDocument(
                    try await find(context.text("name")), withoutManaged: Self.isFiltered(request))
            }
        }
        router.serve(CompatibleEndpoint.modifyRule) { request, context in
            await compatible { () throws(APIError) in try await modifyRule(request, context) }
        }
        for (endpoint, isKey) in [(CompatibleEndpoint.storeKey, true), (.storeCertificate, false)] {
            router.serve(endpoint) { request, context in
                await compatible { () throws(APIError) in try await storeKey(request, context, isKey: isKey) }
            }
        }
        CompatibleUserRoutes(parts: parts).addRoutes(to: router)
    }

    private func compatible(_ body: () async throws(APIError) -> some Encodable) async -> Response {
        do throws(APIError) {
            return APIAnswer.json(try await body())
        } catch {
            return APIAnswer.compatible(error)
        }
    }

    private func add(_ request: Request, _ context: ManagementContext) async throws(APIError) -> (
        AddedDatabase, warnings: [String]
    ) {
        let body = try await parts.read(AddDatabase.self, request)
        let terms = try parts.terms(request, context, adopts: body.adopt)
        let outcome = try await parts.editor.change(try body.groupName(), terms) { scene throws(APIError) in
            try body.record(in: scene, policy: parts.defaultPolicy)
        }
        if outcome.hasChanged {
            parts.tellOf(outcome, context)
        }
        let shown = DatabaseDocument(outcome.after, withoutManaged: false)
        let answer = AddedDatabase(
            query_rules: shown.query_rules, instance_name: body.instance_name, username: body.username,
            write_host_group: shown.write_hostgroup, read_host_group: shown.read_hostgroup,
            ssl_enabled: shown.use_ssl, chester_meta_data: shown.chester_meta_data)
        return (answer, outcome.warnings)
    }

    private func modify(_ request: Request, _ context: ManagementContext) async throws(APIError) -> Null {
        let body = try await parts.read(ModifyDatabase.self, request)
        let group = try await find(body.instance_name).name
        let terms = try parts.terms(request, context, adopts: body.adopt)
        _ = try await parts.editor.change(group, terms) { scene throws(APIError) in
            try body.applied(to: try Self.present(scene))
        }
        return Null()
    }

    private func remove(_ request: Request, _ context: ManagementContext) async throws(APIError) -> Null {
        let body = try await parts.read(RemoveDatabase.self, request)
        let group: InstanceName
        do throws(APIError) {
            group = try await find(body.instance_name, whileRemoved: true).name
        } catch {
            guard try await parts.existed(body.instance_name) else { throw error }
            return Null()
        }
        let asked = body.delete_replicas == true || request.uri.queryParameters.get("delete_replicas") == "true"
        _ = try await parts.editor.change(group, try parts.terms(request, context)) { scene throws(APIError) in
            try GroupRemovalRequest.applied(
                to: try Self.current(scene), deletesReplicas: asked, parameter: "delete_replicas", at: scene.now)
        }
        parts.logger.info("database is to be removed", metadata: ["group.name": "\(group)"])
        return Null()
    }

    private func modifyRule(_ request: Request, _ context: ManagementContext) async throws(APIError) -> Null {
        let group = try await find(try Self.instanceGroup(request)).name
        guard let id = Int(context.text("id")) else {
            throw .bad("the rule's id must be a number")
        }
        let body = try await parts.read(QueryRuleDocument.self, request)
        guard (body.rule_id?.value ?? id) == id else { throw .bad("rule ids dont match") }
        _ = try await parts.editor.change(group, try parts.terms(request, context)) { scene throws(APIError) in
            var record = try Self.present(scene)
            guard let index = record.configuration.queryRules.firstIndex(where: { $0.id == id }) else {
                throw .bad("unable to find rule with id of \(id)")
            }
            let known = record.configuration.queryRules[index]
            record.configuration.queryRules[index] = body.rule(
                id: id, username: known.username, places: record.places, over: known)
            return record
        }
        return Null()
    }

    private func storeKey(
        _ request: Request, _ context: ManagementContext, isKey: Bool
    ) async throws(APIError) -> Null {
        let group = try await find(context.text("name")).name
        let body = try await parts.read(KeyDocument.self, request)
        guard let text = isKey ? body.key : body.cert, text.utf8.count <= 65_536, !text.utf8.contains(0) else {
            throw .bad("\"\(isKey ? "key" : "cert")\" must be a text of at most 65536 bytes without NUL")
        }
        _ = try await parts.editor.change(group, try parts.terms(request, context)) { scene throws(APIError) in
            var record = try Self.present(scene)
            var tls = record.tls ?? TLSMaterial()
            if isKey { tls.key = text.nonEmpty.map { Secret($0) } } else { tls.certificate = text.nonEmpty }
            record.tls = tls.isEmpty ? nil : tls
            return record
        }
        return Null()
    }

    // MARK: Parts

    /// Chester answers 400, not 404, for a name that it does not know.
    private func find(_ name: String?, whileRemoved: Bool = false) async throws(APIError) -> GroupRecord {
        let record = try await parts.find(name, orElse: .bad("there is no database of that name"))
        guard whileRemoved || record.removal == nil else { throw .bad("there is no database of that name") }
        return record
    }

    static func instanceGroup(_ request: Request) throws(APIError) -> String {
        guard let group = request.uri.queryParameters.get("instance_group"), !group.isEmpty else {
            throw .bad("no instance group specified")
        }
        return group
    }

    static func current(_ scene: GroupEditor.Scene) throws(APIError) -> GroupRecord {
        guard let current = scene.current else { throw .bad("there is no database of that name") }
        return current
    }

    static func present(_ scene: GroupEditor.Scene) throws(APIError) -> GroupRecord {
        let current = try current(scene)
        guard current.removal == nil else { throw .bad("the database is being removed") }
        return current
    }

    private static func isFiltered(_ request: Request) -> Bool {
        request.uri.queryParameters.get("filter") == "true"
    }
}

/// JSON's `null`, Chester's answer to a change.
struct Null: Encodable {
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encodeNil()
    }
}

/// Asking for the removal of a group.
enum GroupRemovalRequest {
    /// `current` with the wish to be removed.
    /// - Throws: 409 while it has managed replicas and the call does not say that they are to go too.
    static func applied(
        to current: GroupRecord, deletesReplicas: Bool, parameter: String, at now: Timestamp
    ) throws(APIError) -> GroupRecord {
        guard current.removal == nil else { return current }
        guard current.replicas.isEmpty || deletesReplicas else {
            throw .conflict(
                "\(current.name) has \(current.replicas.count) managed replicas; repeat the call with "
                    + "?\(parameter)=true to have them drained and deleted, or let them go first")
        }
        var record = current
        record.removal = GroupRemoval(requestedAt: now, deletesReplicas: deletesReplicas)
        return record
    }
}
