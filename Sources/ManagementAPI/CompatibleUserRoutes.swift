import Endpoints
import FleetModel
import Hummingbird

/// Chester's `/users`.
struct CompatibleUserRoutes: Sendable {
    let parts: APIParts

    func addRoutes(to router: Router<ManagementContext>) {
        router.serve(CompatibleEndpoint.user) { request, context in
            await answer { () throws(APIError) in
                let record = try await group(request)
                guard let user = record.user(context.text("username")) else {
                    throw .bad("the database has no user of that name")
                }
                return UserDocument(
                    username: user.username, password: redacted, default_hostgroup: LooseInt(user.defaultHostgroup),
                    active: LooseInt(user.isActive ? 1 : 0), instance_group: record.name.text)
            }
        }
        router.serve(CompatibleEndpoint.addUser) { request, context in
            await answer { () throws(APIError) in
                let body = try await parts.read(UserDocument.self, request)
                return try await change(request, context) { record throws(APIError) in try add(body, to: &record) }
            }
        }
        router.serve(CompatibleEndpoint.modifyUser) { request, context in
            await answer { () throws(APIError) in
                let body = try await parts.read(ModifyUser.self, request)
                return try await change(request, context) { record throws(APIError) in try modify(body, &record) }
            }
        }
        router.serve(CompatibleEndpoint.removeUser) { request, context in
            await answer { () throws(APIError) in
                let name = context.text("username")
                return try await change(request, context) { record throws(APIError) in
                    guard record.configuration.users.count > 1 || record.user(name) == nil else {
                        throw .bad("\(record.name) has no other user; remove the database instead")
                    }
                    record.configuration.users.removeAll { $0.username == name }
                }
            }
        }
    }

    private func add(_ body: UserDocument, to record: inout GroupRecord) throws(APIError) {
        guard let password = body.password, password != redacted else { throw .bad("password is missing") }
        var user = ProxyUser(
            username: body.username, password: Secret(password),
            defaultHostgroup: Self.hostgroup(body.default_hostgroup, record) ?? record.configuration.writerHostgroup)
        user.isActive = body.active.map { $0.value != 0 } ?? true
        if let known = record.user(body.username) {
            guard known == user else { throw .conflict("user already exists") }
            return
        }
        record.configuration.users.append(user)
    }

    private func modify(_ body: ModifyUser, _ record: inout GroupRecord) throws(APIError) {
        guard let index = record.configuration.users.firstIndex(where: { $0.username == body.username }) else {
            // A repeated renaming finds its work done.
            if let name = body.new_username.flatMap(\.nonEmpty), record.user(name) != nil { return }
            throw .bad("user doesn't exist")
        }
        if let password = body.password.flatMap(\.nonEmpty), password != redacted {
            record.configuration.users[index].password = Secret(password)
        }
        if let hostgroup = Self.hostgroup(body.default_host_group, record) {
            record.configuration.users[index].defaultHostgroup = hostgroup
        }
        guard let name = body.new_username.flatMap(\.nonEmpty) else { return }
        record.configuration.users[index].username = name
        for rule in record.configuration.queryRules.indices
        where record.configuration.queryRules[rule].username == body.username {
            record.configuration.queryRules[rule].username = name
        }
    }

    /// Chester's fixed hostgroups mean the group's own; 0 says nothing.
    private static func hostgroup(_ given: LooseInt?, _ record: GroupRecord) -> Int? {
        switch given?.value ?? 0 {
        case 0: nil
        case 5: record.configuration.writerHostgroup
        case 10: record.configuration.readerHostgroup
        case let other: other
        }
    }

    private func group(_ request: Request) async throws(APIError) -> GroupRecord {
        let name = try CompatibleRoutes.instanceGroup(request)
        return try await parts.find(name, orElse: .bad("there is no database of that name"))
    }

    private func change(
        _ request: Request, _ context: ManagementContext, _ body: (inout GroupRecord) throws(APIError) -> Void
    ) async throws(APIError) -> Null {
        let group = try await group(request).name
        _ = try await parts.editor.change(group, try parts.terms(request, context)) { scene throws(APIError) in
            var record = try CompatibleRoutes.present(scene)
            try body(&record)
            return record
        }
        return Null()
    }

    private func answer(_ body: () async throws(APIError) -> some Encodable) async -> Response {
        do throws(APIError) {
            return APIAnswer.json(try await body())
        } catch {
            return APIAnswer.compatible(error)
        }
    }
}
