import NIOCore
import Synchronization

/// The connections of one server, over all its event loops.
final class ConnectionGate: Sendable {
    /// One connection that was let in.
    struct Pass: Sendable {
        let gate: ConnectionGate
        let id: Int

        /// It does something else than before.
        func note(_ phase: ConnectionLedger.Phase) {
            gate.state.withLock { $0.ledger.note(id, phase) }
        }
    }

    private struct State {
        var ledger: ConnectionLedger
        var channels: [Int: any Channel] = [:]
        var next = 0
    }

    private let state: Mutex<State>

    /// Lets in at most `maximum` connections.
    init(maximum: Int) {
        state = Mutex(State(ledger: ConnectionLedger(maximum: maximum)))
    }

    /// Lets `channel` in until it is closed, perhaps in the place of another one, which is closed.
    /// - Returns: nil when the server has no room for it.
    func admit(_ channel: any Channel) -> Pass? {
        let address = channel.remoteAddress?.ipAddress ?? "local"
        let (id, admission, other) = state.withLock { state in
            state.next += 1
            let admission = state.ledger.admit(state.next, from: address)
            var other: (any Channel)?
            if case .admittedInPlaceOf(let id) = admission { other = state.channels.removeValue(forKey: id) }
            if admission != .refused { state.channels[state.next] = channel }
            return (state.next, admission, other)
        }
        other?.close(promise: nil)
        guard admission != .refused else { return nil }
        channel.closeFuture.whenComplete { [self] _ in
            state.withLock { state in
                state.ledger.remove(id)
                state.channels[id] = nil
            }
        }
        return Pass(gate: self, id: id)
    }
}
