import Foundations
import Pacing

/// The end of every call: whatever the server, the network or a program does.
enum Deadline {
    /// Runs `body` for at most `timeout`; whatever it throws becomes a `KubernetesError`.
    static func run<Value: Sendable>(
        _ timeout: Duration, clock: any Clock<Duration>, attempt: String,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws(KubernetesError) -> Value {
        do {
            return try await withDeadline(timeout, clock: clock, body)
        } catch let error as KubernetesError {
            // What a cancelled call says about its end is only a consequence.
            if Task.isCancelled { throw KubernetesError(.cancelled, attempt, "cancelled") }
            throw error
        } catch let error as DeadlineExceeded where !Task.isCancelled {
            throw KubernetesError(.timeout, attempt, "\(error)")
        } catch {
            if Task.isCancelled { throw KubernetesError(.cancelled, attempt, "cancelled") }
            throw KubernetesError(.unavailable, attempt, "no answer: \(ShownText.failure(error))")
        }
    }
}
