import Synchronization

/// The clients on a node's MySQL port, as `stats_mysql_processlist` lists them.
final class ClientSessions: Sendable {
    struct Client: Sendable {
        var user = ""
        var isInTransaction = false
        var hangUp: (@Sendable () -> Void)?
    }

    private struct State {
        var clients: [Int: Client] = [:]
        var last = 0
    }

    private let state = Mutex(State())

    /// Whether a statement begins a transaction or ends one; nil for any other.
    static func changesTransaction(_ sql: String) -> Bool? {
        switch sql.uppercased() {
        case "BEGIN", "START TRANSACTION": true
        case "COMMIT", "ROLLBACK": false
        default: nil
        }
    }

    func add() -> Int {
        state.withLock { state in
            state.last += 1
            state.clients[state.last] = Client()
            return state.last
        }
    }

    func remove(_ id: Int) { state.withLock { $0.clients[id] = nil } }

    func attach(_ id: Int, _ hangUp: @escaping @Sendable () -> Void) { update(id) { $0.hangUp = hangUp } }

    func update(_ id: Int, _ change: (inout Client) -> Void) {
        state.withLock { state in
            guard var client = state.clients[id] else { return }
            change(&client)
            state.clients[id] = client
        }
    }

    /// Closes a client's connection; false when there is no such client.
    func end(_ id: Int) -> Bool {
        guard let client = state.withLock({ $0.clients.removeValue(forKey: id) }) else { return false }
        client.hangUp?()
        return true
    }

    /// Closes those that are in no transaction.
    func endIdle() {
        for id in state.withLock({ $0.clients.filter { !$0.value.isInTransaction }.map(\.key) }) { _ = end(id) }
    }

    /// The 16 columns of the table; a client holds a backend connection while it is in a transaction.
    var rows: [[String?]] {
        state.withLock { $0.clients }.sorted { $0.key < $1.key }.map { id, client in
            let backend: [String?] =
                client.isInTransaction ? ["127.0.0.1", "40000", "127.0.0.1", "3306"] : [nil, nil, nil, nil]
            return ["0", "\(id)", client.user, nil, "127.0.0.1", "40000", "0"] + backend
                + ["Sleep", "500", nil, nil, nil]
        }
    }
}
