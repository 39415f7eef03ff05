/// The end of every call: whatever the server, the network or a program does.
enum Deadline {
    /// Runs `body` for at most `timeout`; whatever it throws becomes a `KubernetesError`.
    static func run<Value: Sendable>(
        _ timeout: Duration, clock: any Clock<Duration>, attempt: String,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws(KubernetesError) -> Value {
        do {
            return try await withThrowingTaskGroup(of: Value.self) { tasks in
                tasks.addTask { try await body() }
                tasks.addTask {
                    try await clock.sleep(for: timeout)
                    throw KubernetesError(.timeout, attempt, "it did not end within \(timeout)")
                }
                defer { tasks.cancelAll() }
                guard let first = try await tasks.next() else { throw CancellationError() }
                return first
            }
        } catch let error as KubernetesError {
            // What a cancelled call says about its end is only a consequence.
            if Task.isCancelled { throw KubernetesError(.cancelled, attempt, "cancelled") }
            throw error
        } catch {
            if Task.isCancelled { throw KubernetesError(.cancelled, attempt, "cancelled") }
            throw KubernetesError(.unavailable, attempt, "no answer: \(error)")
        }
    }
}
