import FleetModel
import Synchronization

/// Which fencing token this process acts under, and for how long.
///
/// Each save carries it, and each record keeps the highest that was ever seen. As a save also names the version that it
/// read, a scaler that lost the lead cannot write over its successor, whatever it still believes. Each effect outside of
/// the store asks right before it begins; see `FencedProvider` and `FencedFleet`.
package final class Fence: Sendable {
    private struct State {
        var token: Int64?
        var isValid: @Sendable () -> Bool = { true }
    }

    private let state = Mutex(State())

    /// Makes the fence of a process that does not lead.
    package init() {}

    /// The present token; nil while this process does not lead, and from the moment on at which its lead is over, also
    /// when nobody has told it yet.
    package var current: Int64? {
        let state = state.withLock { $0 }
        return state.isValid() ? state.token : nil
    }

    /// Takes or gives up the lead, which lasts for as long as `isValid` says so.
    package func set(_ token: Int64?, while isValid: @escaping @Sendable () -> Bool = { true }) {
        state.withLock { $0 = State(token: token, isValid: isValid) }
    }

    /// Puts the token on a record that is about to be saved.
    /// - Throws: `StoreError.fenced` when this process does not lead, or another one led since.
    func stamp(_ record: inout GroupRecord) throws(StoreError) {
        guard let current else { throw .fenced(document: "group \(record.name)") }
        guard current >= record.fence ?? 0 else { throw .fenced(document: "group \(record.name)") }
        record.fence = current
    }

    /// - Throws: `ProviderError.unavailable` when this process does not lead: nothing was asked for.
    func check(_ effect: String) throws(ProviderError) {
        guard current != nil else {
            throw ProviderError(.unavailable, "\(effect) was not asked for: this process does not lead any more")
        }
    }
}
