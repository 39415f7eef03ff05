import Synchronization

/// Statements that this node refuses, or does not come to an end with.
struct StatementFaults: Sendable {
    /// How often statements that begin so are still refused.
    var refused: [String: Int] = [:]
    /// Statements that begin so hang.
    var hanging: String?
    /// Whether one does: whatever is behind it waits too, because ProxySQL's admin interface has one lock for all.
    var isHanging = false
}

extension FakeProxySQL {
    /// Refuses the next `times` statements that begin with `beginning`, as a full disk or a lock would.
    package func refuse(_ beginning: String, times: Int = 1) {
        faults.withLock { $0.refused[beginning] = times }
    }

    /// Lets the next statement that begins with `beginning`, and all behind it, hang until `letGo()`.
    package func hang(_ beginning: String) {
        faults.withLock { $0.hanging = beginning }
    }

    /// Ends what hangs.
    package func letGo() {
        faults.withLock {
            $0.hanging = nil
            $0.isHanging = false
        }
    }

    /// Whether a statement hangs now.
    package var isHanging: Bool { faults.withLock { $0.isHanging } }

    /// - Returns: the error of a statement that is refused.
    func fault(_ sql: String) async -> AdminReply? {
        faults.withLock { faults in
            if let hanging = faults.hanging, sql.hasPrefix(hanging) { faults.isHanging = true }
        }
        while faults.withLock({ $0.isHanging }), !Task.isCancelled, !sockets.withLock({ $0.isStopped }) {
            try? await clock.sleep(for: .milliseconds(20))
        }
        return faults.withLock { faults in
            guard let (beginning, left) = faults.refused.first(where: { sql.hasPrefix($0.key) && $0.value > 0 }) else {
                return nil
            }
            faults.refused[beginning] = left - 1
            return .error("ProxySQL Admin Error: database or disk is full")
        }
    }
}
