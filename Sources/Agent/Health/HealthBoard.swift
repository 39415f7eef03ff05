package import FleetModel
import Observability
import Synchronization

/// Where the poller and the drain write what probes read; reading never waits for the node.
package final class HealthBoard: Sendable {
    private struct State {
        var health: NodeHealth
        var isDrainFileThere = false
        var drain = NodeHealth.Draining.no
    }

    /// The rules of this node.
    package let policy: HealthPolicy
    private let state: Mutex<State>

    /// Makes the board of an agent that begins to ask now.
    package init(policy: HealthPolicy, at now: Timestamp) {
        self.policy = policy
        state = Mutex(State(health: NodeHealth(at: now)))
    }

    /// What is known now.
    package var health: NodeHealth {
        state.withLock { state in
            var health = state.health
            health.draining = state.drain == .no && state.isDrainFileThere ? .draining : state.drain
            return health
        }
    }

    /// The answer to a probe, with what it was made from.
    package func answer(_ probe: HealthPolicy.Probe, at now: Timestamp) -> (HealthPolicy.Verdict, NodeHealth) {
        let health = health
        return (policy.answer(probe, health, at: now), health)
    }

    /// What is so at this moment, for whoever scrapes: a look that hangs or fails has nothing to say itself.
    func recordMetrics(at now: Timestamp) {
        let (verdict, health) = answer(.ready, at: now)
        AgentMetric.ready.set(verdict.passes ? 1 : 0)
        let silent = max(0, now.since(health.answeredAt).wholeMilliseconds)
        AgentMetric.silence.set(Double(silent) / 1_000)
    }

    /// A look succeeded.
    func looked(_ observation: NodeObservation) {
        state.withLock { state in
            state.health.observation = observation
            state.health.answeredAt = observation.at
            state.health.failures = 0
            state.health.problem = nil
            if policy.answer(.started, state.health, at: observation.at).passes { state.health.hasStarted = true }
        }
    }

    /// A look failed.
    func failed(_ problem: String) {
        state.withLock { state in
            state.health.failures += 1
            state.health.problem = problem
        }
    }

    /// Whether the draining file is there.
    func drainFile(isThere: Bool) {
        state.withLock { $0.isDrainFileThere = isThere }
    }

    /// How far the agent's own drain has come.
    func drain(_ drain: NodeHealth.Draining) {
        state.withLock { $0.drain = drain }
    }
}
