package import FleetModel
import Observability
import Synchronization

/// Where the poller and the drain write what probes read; reading never waits for the node.
package final class HealthBoard: Sendable {
    private struct State {
        var health: NodeHealth
        var isDrainFileThere = false
        var drain = NodeHealth.Draining.no
        var looks = 0
    }

    /// The port for clients is asked for at the first look that succeeds, and at each so many after it.
    private static let looksForInterfaces = 60

    /// The rules of this node.
    package let policy: HealthPolicy
    private let state: Mutex<State>
    /// Whether a setting says where clients connect.
    private let isPortSet: Bool

    /// Makes the board of an agent that begins to ask now.
    ///
    /// - Parameter dataPlane: where clients connect, as far as settings tell.
    package init(policy: HealthPolicy, dataPlane: DataPlane = DataPlane(), at now: Timestamp) {
        self.policy = policy
        var health = NodeHealth(at: now)
        health.dataPlane = dataPlane
        isPortSet = dataPlane.isKnown
        state = Mutex(State(health: health))
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
        AgentMetric.refused.set(health.refusals > 0 ? 1 : 0)
    }

    /// What a person has to look into, a sentence each.
    package func concerns(at now: Timestamp) -> [String] {
        policy.concerns(health, at: now)
    }

    /// A look succeeded.
    func looked(_ observation: NodeObservation) {
        state.withLock { state in
            state.health.looked(observation)
            if policy.answer(.started, state.health, at: observation.at).passes { state.health.hasStarted = true }
        }
    }

    /// A look had no answer.
    func failed(_ problem: String) {
        state.withLock { state in
            state.health.failures += 1
            state.health.problem = problem
        }
    }

    /// A look was answered with an error.
    func refused(_ problem: String, at now: Timestamp) {
        state.withLock { state in
            state.health.answeredAt = now
            state.health.failures = 0
            state.health.refusals += 1
            state.health.problem = problem
        }
    }

    /// A client's connection was tried at `address`.
    func probed(_ greeting: Greeting, of address: AgentAddress, at now: Timestamp) {
        state.withLock { state in
            guard state.health.dataPlane.address == address else { return }
            state.health.dataPlane.probed(greeting, at: now)
        }
    }

    /// Whether the node is to be asked where its clients connect.
    func wantsInterfaces() -> Bool {
        guard !isPortSet else { return false }
        return state.withLock { state in
            defer { state.looks += 1 }
            return state.looks % Self.looksForInterfaces == 0
        }
    }

    /// The node's own word on where its clients connect.
    func interfaces(_ text: String, admin: AgentAddress) {
        let address = MySQLInterfaces.address(text, admin: admin)
        state.withLock { $0.health.dataPlane.move(to: address) }
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
