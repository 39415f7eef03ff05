import FleetModel
package import Pacing
import Synchronization

/// Something that happened to a node, of which plugins may hear.
package struct AgentEvent: Codable, Hashable, Sendable {
    /// What happened.
    package enum Kind: String, Codable, Hashable, Sendable, CaseIterable {
        /// The node answers and has its configuration.
        case started
        /// This agent acts for the cores now.
        case becameLeader = "became-leader"
        /// `proxysql_servers` was changed.
        case membershipChanged = "membership-changed"
        /// A configuration was brought to the node.
        case configurationApplied = "configuration-applied"
        /// The node is unready and will be paused.
        case draining
        /// Clients are gone, or their time is over.
        case drained
        /// Clients are shown the new certificate.
        case certificateServed = "certificate-served"
        /// Clients are not shown the certificate that they should be.
        case certificateNotServed = "certificate-not-served"
        /// A backend's status was changed through the API.
        case backendChanged = "backend-changed"
        /// Something keeps a core from its duty.
        case degraded
        /// What kept a core from its duty is over.
        case recovered
        /// The admin interface answers the agent with errors.
        case adminRefused = "admin-refused"
    }

    /// What an event may say beside; the raw value is the member's name in `details`.
    package enum Detail: String, Hashable, Sendable, CaseIterable {
        case backend, clients, expires, generation, goal, group, hostgroup, modules, order, outcome, problem, reason,
            removed
        case source, status, term, written
    }

    /// What happened.
    package var event: Kind
    /// The node's name.
    package var node: String
    /// `core` or `satellite`.
    package var role: String
    /// When, RFC 3339.
    package var time: String
    /// What is worth knowing of it, for example the modules that were loaded.
    package var details: [String: String]
}

/// Where an agent's events come from.
///
/// Reading never holds the agent up: who reads too slowly misses the oldest. Only a drain asks, through its gate.
package final class AgentEvents: Sendable {
    /// Decides whether a drain may begin; gives the reason when it may not. Must answer within a deadline of its own.
    package typealias Gate = @Sendable (AgentEvent) async -> String?

    private static let readerCapacity = 256

    private struct State {
        var readers: [AsyncStream<AgentEvent>.Continuation] = []
        var gate: Gate?
        var node: String
        var isOver = false
    }

    private let role: String
    private let wallClock: any WallClock
    private let state: Mutex<State>

    /// Makes the source of a node's events.
    package init(node: String, role: String, wallClock: any WallClock) {
        state = Mutex(State(node: node))
        self.role = role
        self.wallClock = wallClock
    }

    /// The node turned out to be called so.
    package func rename(_ node: String) {
        state.withLock { $0.node = node }
    }

    /// The events from now on, for one reader; they end with the agent.
    package func subscribe() -> AsyncStream<AgentEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: AgentEvent.self, bufferingPolicy: .bufferingNewest(Self.readerCapacity))
        let isOver = state.withLock { state in
            state.readers.append(continuation)
            return state.isOver
        }
        if isOver { continuation.finish() }
        return stream
    }

    /// Sets who is asked before a drain that the API or an operator wants; a SIGTERM is not asked about.
    package func setGate(_ gate: @escaping Gate) {
        state.withLock { $0.gate = gate }
    }

    /// Tells every reader.
    package func publish(_ kind: AgentEvent.Kind, _ details: [AgentEvent.Detail: String] = [:]) {
        let event = event(kind, details)
        for reader in state.withLock({ $0.readers }) { reader.yield(event) }
    }

    /// Asks whether a drain may begin; the reason when it may not.
    package func objection(_ details: [AgentEvent.Detail: String] = [:]) async -> String? {
        guard let gate = state.withLock({ $0.gate }) else { return nil }
        return await gate(event(.draining, details))
    }

    /// Ends every stream.
    package func finish() {
        let readers = state.withLock { state in
            state.isOver = true
            return state.readers
        }
        for reader in readers { reader.finish() }
    }

    private func event(_ kind: AgentEvent.Kind, _ details: [AgentEvent.Detail: String]) -> AgentEvent {
        assert(kind.details.isSuperset(of: details.keys), "\(kind) has \(details.keys)")
        return AgentEvent(
            event: kind, node: state.withLock { $0.node }, role: role, time: wallClock.now().rfc3339,
            details: Dictionary(uniqueKeysWithValues: details.map { ($0.key.rawValue, $0.value) }))
    }
}
