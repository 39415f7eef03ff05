import Synchronization

/// A statement that a client sent to the admin port.
package struct ExecutedStatement: Sendable, Equatable {
    /// Who sent it.
    package var user: String
    /// The statement; quoted texts that could be passwords are replaced by `[redacted]`.
    package var text: String
}

/// The last statements of one node, for tests to look at.
final class StatementLog: Sendable {
    private let entries = Mutex<[ExecutedStatement]>([])
    private let capacity: Int

    init(capacity: Int = 2_000) {
        self.capacity = capacity
    }

    var all: [ExecutedStatement] { entries.withLock { $0 } }

    func add(user: String, sql: String) {
        let entry = ExecutedStatement(user: user, text: StatementText(sql).redacted)
        entries.withLock { entries in
            if entries.count >= capacity { entries.removeFirst(capacity / 4) }
            entries.append(entry)
        }
    }

    func removeAll() {
        entries.withLock { $0 = [] }
    }
}
