import MySQLWire

/// One client of the admin port.
final class AdminSession: MySQLServerSession {
    private let owner: FakeProxySQL
    private let login = LoginName()

    init(_ owner: FakeProxySQL) {
        self.owner = owner
    }

    func password(of username: String) async -> String? {
        login.value = username
        await owner.gate.pass()
        return await owner.adminPassword(of: username)
    }

    func respond(to command: MySQLServerCommand) async -> MySQLServerResponse {
        await owner.gate.pass()
        guard !Task.isCancelled else { return .close }
        switch command {
        case .query(let sql): return Self.response(to: await owner.answer(sql, user: login.value))
        case .ping, .selectDatabase: return .ok()
        case .quit: return .close
        // Prepared statements and the field list are refused; what else there is ends the connection.
        case .other(0x04), .other(0x16), .other(0x17):
            return .error(
                MySQLServerError(
                    code: AdminReply.errorCode, sqlState: AdminReply.errorState, message: "Command not supported"))
        case .other: return .close
        }
    }

    func answersTwice(_ command: MySQLServerCommand) -> Bool {
        guard owner.configuration.version.hasPrefix("3."), case .query(let sql) = command else { return false }
        return ["PROXYSQL PAUSE", "PROXYSQL RESUME"].contains(sql.uppercased())
    }

    private static func response(to reply: AdminReply) -> MySQLServerResponse {
        switch reply {
        case .ok(let affectedRows, _): .ok(affectedRows: affectedRows)
        case .rows(let columns, let rows): .rows(columns.map(Self.column), rows)
        case .error(let message):
            .error(
                MySQLServerError(code: AdminReply.errorCode, sqlState: AdminReply.errorState, message: message))
        case .gone: .close
        }
    }

    /// Every column of the admin module is described alike, whatever is in it.
    private static func column(_ name: String) -> MySQLColumn {
        var column = MySQLColumn(name: name)
        column.length = 15
        column.flags = 1
        column.decimals = 31
        return column
    }
}

/// One client of the MySQL port: it may log in, and there is no backend behind.
final class ClientSession: MySQLServerSession {
    private let owner: FakeProxySQL
    private let id: Int

    init(_ owner: FakeProxySQL) {
        self.owner = owner
        owner.clientArrived()
        id = owner.clients.add()
    }

    deinit {
        owner.clients.remove(id)
    }

    func attach(_ hangUp: @escaping @Sendable () -> Void) { owner.clients.attach(id, hangUp) }

    func password(of username: String) async -> String? {
        await owner.gate.pass()
        owner.clients.update(id) { $0.user = username }
        return await owner.node.frontendPassword(of: username)
    }

    func respond(to command: MySQLServerCommand) async -> MySQLServerResponse {
        await owner.gate.pass()
        switch command {
        case .ping, .selectDatabase: return .ok()
        case .quit: return .close
        case .query(let sql) where ClientSessions.changesTransaction(sql) != nil:
            owner.clients.update(id) { $0.isInTransaction = ClientSessions.changesTransaction(sql) ?? false }
            return .ok()
        case .query, .other:
            return .error(
                MySQLServerError(
                    code: 9001, sqlState: "HY000",
                    message: "Max connect timeout reached while reaching hostgroup 0 after 10000ms"))
        }
    }
}
