import FleetModel
import Hummingbird
import JSONValues
import Logging
import Pacing
import ProxySQLAdmin

/// Groups under `/v1`: the whole document and its parts.
struct GroupRoutes: Sendable {
    let parts: APIParts

    var operations: [Operation] {
        let group = Operation.Answer(200, "Group")
        return [
            Operation(
                .get, "/v1/groups", "listGroups", "Lists groups by name.", answers: [.init(200, "GroupPage")],
                handler: list
            ).taking(
                .limit, .text("after", "The `next` of the page before."),
                .text("name", "Only groups whose name begins so."),
                .text("primaryInstance", "Only groups of that primary."),
                .text("address", "Only groups with a server at that address."),
                .text("username", "Only groups with a user of that name."), .withPasswords),
            Operation(
                .get, "/v1/groups/{group}", "getGroup", "Shows a group.", answers: [group, .init(304, nil)],
                handler: show
            ).taking(.withPasswords),
            Operation(
                .put, "/v1/groups/{group}", "putGroup", "Makes a group, or replaces what it is.", role: .admin,
                answers: [group, .init(201, "Group")], handler: replace
            ).taking(.dryRun, .adopt, .verify, .ifMatch).withBody("GroupInput"),
            Operation(
                .patch, "/v1/groups/{group}", "patchGroup", "Changes a group by a merge patch.", role: .admin,
                answers: [group], handler: patch
            ).taking(.dryRun, .adopt, .verify, .ifMatch).withBody("GroupPatch"),
            Operation(
                .delete, "/v1/groups/{group}", "deleteGroup", "Withdraws a group from every node and forgets it.",
                role: .admin, answers: [.init(202, "Group"), .init(200, "Preview")], handler: remove
            ).taking(
                .dryRun, .ifMatch,
                .init(
                    name: "deleteReplicas", meaning: "Drains and deletes the managed replicas too.",
                    schema: ["type": "boolean"])),
        ]
    }

    // MARK: Reading

    @Sendable private func list(_ request: Request, _ context: ManagementContext) async throws(APIError) -> Response {
        let query = request.uri.queryParameters
        let limit = try parts.limit(request)
        let after = query.get("after") ?? ""
        let found = try await parts.groups().map(\.document).filter { record in
            record.name.text > after && record.name.text.hasPrefix(query.get("name") ?? "")
                && query.get("primaryInstance").map { $0 == record.primaryInstance.text } ?? true
                && query.get("address").map { address in
                    record.configuration.servers.contains { $0.address == address }
                } ?? true
                && query.get("username").map { record.user($0) != nil } ?? true
        }
        let page = found.prefix(limit)
        let withPasswords = try await parts.revealing(Array(page), request, context)
        return APIAnswer.json(
            [
                "items": .array(page.map { GroupDocument.shown($0, withPasswords: withPasswords) }),
                "next": page.count < found.count ? .optional(page.last?.name.text) : .null,
            ] as JSONValue)
    }

    @Sendable private func show(_ request: Request, _ context: ManagementContext) async throws(APIError) -> Response {
        let stored = try await parts.group(context)
        let tag = EntityTag(stored.document, stored.version)
        if Precondition.isKnown(tag.description, to: request) {
            return Response(status: .notModified, headers: [.eTag: tag.description])
        }
        let withPasswords = try await parts.revealing([stored.document], request, context)
        return APIAnswer.group(GroupDocument.shown(stored.document, withPasswords: withPasswords), tag)
    }

    // MARK: Writing

    @Sendable private func replace(_ request: Request, _ context: ManagementContext) async throws(APIError)
        -> Response
    {
        let document = try await parts.json(request)
        return try await parts.write(request, context, adopts: document["adopt"]?.bool) { _ throws(APIError) in
            document
        }
    }

    @Sendable private func patch(_ request: Request, _ context: ManagementContext) async throws(APIError) -> Response {
        let document = try await parts.json(request)
        guard case .object = document else { throw .bad("a merge patch of a group must be an object") }
        return try await parts.write(request, context, adopts: document["adopt"]?.bool) { current throws(APIError) in
            guard var current else { throw .notFound("there is no group \(context.text("group"))") }
            let places = current.places
            current.configuration = current.configuration.moved(
                writer: document["writerHostgroup"]?.integer.flatMap { Int(exactly: $0) } ?? places.writer,
                reader: document["readerHostgroup"]?.integer.flatMap { Int(exactly: $0) } ?? places.reader)
            return GroupDocument.writable(current).merging(document)
        }
    }

    @Sendable private func remove(_ request: Request, _ context: ManagementContext) async throws(APIError) -> Response {
        let name = try parts.groupName(context)
        let deletesReplicas = try parts.flag("deleteReplicas", request)
        let terms = try parts.writeTerms(request, context)
        let outcome = try await parts.editor.change(name, terms) { scene throws(APIError) in
            guard let current = scene.current else { throw .notFound("there is no group \(name)") }
            return try GroupRemovalRequest.applied(
                to: current, deletesReplicas: deletesReplicas, parameter: "deleteReplicas", at: scene.now)
        }
        if terms.isDryRun {
            return APIAnswer.json(
                try ChangePreview.document(outcome, isRemoval: true) { parts.inUse($0, of: name) })
        }
        parts.tellOf(outcome, context)
        return APIAnswer.group(
            GroupDocument.shown(outcome.after), EntityTag(outcome.after, outcome.version), .accepted)
    }
}

extension APIParts {
    /// The body as JSON; that it says so was checked before.
    /// - Throws: 400 for what is not JSON.
    func json(_ request: Request) async throws(APIError) -> JSONValue {
        return try await read(JSONValue.self, request)
    }

    /// Whether the answer holds passwords. Who gets them, of which groups, is in the audit log before they are sent.
    /// - Throws: 403 for all but administrators.
    func revealing(
        _ records: [GroupRecord], _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Bool {
        guard try flag("withPasswords", request) else { return false }
        try context.caller.require(.admin, for: "Reads passwords")
        let note = ChangeNote(
            at: wallClock.now(), actor: context.caller.name, source: context.sourceAddress,
            action: "\(request.method.rawValue) \(request.uri.path)?withPasswords=true")
        for record in records {
            do throws(StoreError) {
                try await store.keep(note, of: record)
            } catch {
                throw APIError(error)
            }
            logger.notice(
                "passwords read", metadata: ["group.name": "\(record.name)", "caller.name": "\(context.caller.name)"])
        }
        return true
    }

    /// The yes or no in a query parameter; `standard` when it is absent.
    func flag(_ name: String, _ request: Request, orElse standard: Bool = false) throws(APIError) -> Bool {
        switch request.uri.queryParameters.get(name) {
        case nil: return standard
        case "false": return false
        case "true", "": return true
        default: throw .bad("the parameter \(name) must be true or false")
        }
    }

    /// How many of a list are wanted.
    func limit(_ request: Request) throws(APIError) -> Int {
        guard let text = request.uri.queryParameters.get("limit") else { return 50 }
        guard let limit = Int(text), (1...500).contains(limit) else {
            throw .bad("the parameter limit must be a whole number from 1 to 500")
        }
        return limit
    }

    /// The number in a query parameter that may be absent.
    func number(_ name: String, _ request: Request) throws(APIError) -> Int64? {
        guard let text = request.uri.queryParameters.get(name) else { return nil }
        guard let number = Int64(text), number >= 0 else {
            throw .bad("the parameter \(name) must be a whole number, 0 or more")
        }
        return number
    }

    /// The name of a group in the path.
    func groupName(_ context: ManagementContext) throws(APIError) -> InstanceName {
        do throws(InvalidName) {
            return try InstanceName(context.text("group"))
        } catch {
            throw .bad("the group's name cannot be used: \(error.rule)")
        }
    }

    /// The group that the path names.
    func group(_ context: ManagementContext) async throws(APIError) -> Versioned<GroupRecord> {
        let name = context.text("group")
        return try await versioned(name, orElse: .notFound("there is no group \(name)"))
    }

    /// The terms of a change under `/v1`.
    func writeTerms(
        _ request: Request, _ context: ManagementContext, adopts: Bool? = nil
    ) throws(APIError) -> GroupEditor.Terms {
        var terms = try terms(request, context, adopts: adopts)
        terms.precondition = Precondition(request)
        terms.isDryRun = try flag("dryRun", request)
        return terms
    }

    /// Makes the group what `document` says of it.
    func write(
        _ request: Request, _ context: ManagementContext, adopts: Bool? = nil,
        _ document: (GroupRecord?) throws(APIError) -> JSONValue
    ) async throws(APIError) -> Response {
        try await change(request, context, adopts: adopts) { scene, name throws(APIError) in
            try GroupInput.record(
                try document(scene.current), name: name, in: scene, policy: defaultPolicy,
                usersAreShared: editor.groupsShareNodes)
        }
    }

    /// Changes the group that the path names, and answers with it, or with the preview of a dry run.
    func change(
        _ request: Request, _ context: ManagementContext, adopts: Bool? = nil,
        _ body: (GroupEditor.Scene, InstanceName) throws(APIError) -> GroupRecord
    ) async throws(APIError) -> Response {
        let name = try groupName(context)
        let terms = try writeTerms(request, context, adopts: adopts)
        let outcome = try await editor.change(name, terms) { scene throws(APIError) in
            guard scene.current?.removal == nil else {
                throw .conflict("\(name) is being removed; make it again once it is gone")
            }
            return try body(scene, name)
        }
        if terms.isDryRun {
            return APIAnswer.json(
                try ChangePreview.document(outcome, adopts: terms.adopts) { self.inUse($0, of: name) })
        }
        tellOf(outcome, context)
        var shown = GroupDocument.shown(outcome.after)
        if !outcome.warnings.isEmpty, case .object(var members) = shown {
            members["warnings"] = .array(outcome.warnings.map { .string($0) })
            shown = .object(members)
        }
        return APIAnswer.group(
            shown, EntityTag(outcome.after, outcome.version), outcome.before == nil ? .created : .ok)
    }

    /// Connections in use to the replica over all nodes; nil where that is not known.
    func inUse(_ replica: ReplicaRecord, of group: InstanceName) -> Int? {
        replica.address.flatMap { address in
            publications?.newest(of: group)?.publication.connectionsInUse(
                address: address, port: BackendServer.usualPort)
        }
    }

    /// Logs who changed what.
    func tellOf(_ outcome: GroupEditor.Outcome, _ context: ManagementContext) {
        for warning in outcome.warnings {
            logger.warning(
                "a group's primary", metadata: ["group.name": "\(outcome.after.name)", "warning": "\(warning)"])
        }
        guard outcome.hasChanged else { return }
        logger.info(
            "group changed",
            metadata: [
                "group.name": "\(outcome.after.name)", "caller.name": "\(context.caller.name)",
                "group.generation": "\(outcome.after.configuration.generation)",
            ])
    }
}
