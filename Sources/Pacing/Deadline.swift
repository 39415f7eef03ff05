/// What somebody waited for did not end in time.
package struct DeadlineExceeded: Error, Hashable, CustomStringConvertible {
    /// How long it was given.
    package let limit: Duration

    /// Makes the error of a body that was given `limit`.
    package init(limit: Duration) {
        self.limit = limit
    }

    package var description: String { "it did not end within \(limit)" }
}

/// Runs `body` for at most `limit`, and cancels it then. The timeout of an HTTP client ends with the head of an answer;
/// whoever reads a body needs this one.
///
/// - Throws: `DeadlineExceeded`, or what `body` throws.
package func withDeadline<Value: Sendable>(
    _ limit: Duration, clock: any Clock<Duration>, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { tasks in
        tasks.addTask { try await body() }
        tasks.addTask {
            try await clock.sleep(for: limit)
            throw DeadlineExceeded(limit: limit)
        }
        defer { tasks.cancelAll() }
        guard let first = try await tasks.next() else { throw CancellationError() }
        return first
    }
}
